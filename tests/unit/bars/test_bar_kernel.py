from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from pydantic import ValidationError

from tsis.bars.bar_kernel import bar_expectations, bar_kernel
from tsis.bars.bar_params import ExpectationParams
from tsis.core.bar_spec import parse_bar_spec
from tsis.core.errors import ParamsError
from tsis.kernels import bars, runs_bars
from tsis.kernels.expectations import EVER, expectations

TRADES = Path(__file__).parents[3] / "data" / "sample" / "es_trades.parquet"
PARAMS = ExpectationParams(span_bars=5, span_ticks=300)
NAMES = [
    "time_1m", "tick_100", "volume_1k", "dollar_1M", "tib_100", "vib_100_const", "dib_100", "dib_100_book", "trb_100",
    "vrb_100_const", "drb_100_book", "range_2", "renko_1.5",
]  # fmt: skip


@pytest.fixture(scope="module")
def trades():
    """Return the first of the bundled trades: ts_us, seq, price, size, side."""
    es = pl.read_parquet(TRADES).head(20_000)
    seq = es.select(pl.int_range(pl.len()).over("ts")).to_series()
    side = np.zeros(es.height, np.int8)
    return (
        es["ts"].cast(pl.Int64).to_numpy(),
        seq.to_numpy(),
        es["price"].to_numpy(),
        es["size"].cast(float).to_numpy(),
        side,
    )


@pytest.mark.parametrize("name", NAMES)
def test_every_specification_has_a_kernel_that_goes_on_from_its_state(name, trades):
    kernel = bar_kernel(parse_bar_spec(name), PARAMS)
    whole_state, state = kernel.initial_state(), kernel.initial_state()
    whole = kernel.rows(trades, 50.0, 2.0, 0.5, whole_state)
    pieces = [
        kernel.rows(tuple(array[start:stop] for array in trades), 50.0, 2.0, 0.5, state, n_rows=3)
        for start, stop in pairwise([0, 1, 2, 777, 777, 12_345, 20_000])
    ]
    assert whole.shape[1] == len(kernel.columns)
    assert kernel.columns[: len(bars.OUT_COLUMNS)] == bars.OUT_COLUMNS
    assert len(whole) > 3
    assert np.concatenate(pieces).tobytes() == whole.tobytes()
    assert state.tobytes() == whole_state.tobytes()


def test_no_trades_no_bars(trades):
    for name in NAMES:
        kernel = bar_kernel(parse_bar_spec(name), PARAMS)
        assert kernel.rows(tuple(array[:0] for array in trades), 1.0, 1.0, 1.0, kernel.initial_state()).shape == (
            0,
            len(kernel.columns),
        )


def test_the_threshold_of_each_bar_is_told_where_it_changes():
    told = [name for name in NAMES if "threshold" in bar_kernel(parse_bar_spec(name), PARAMS).columns]
    assert told == [name for name in NAMES if name[1:3] in ("ib", "rb")]


def test_the_name_chooses_the_kernel_and_the_expectations(trades):
    kernel = bar_kernel(parse_bar_spec("vrb_200_const"), PARAMS)
    found = kernel.rows(trades, 50.0, 2.0, 0.5, kernel.initial_state())
    expect = expectations(
        200, span_bars=5, span_ticks=300, expected_ticks=(200, 200), bar_ticks=(20, 2_000), floor=PARAMS.floor
    )
    out = np.empty((10_000, len(runs_bars.OUT_COLUMNS)))
    state = runs_bars.initial_state(expect)
    _, written = runs_bars.fold_runs_bars(*trades, bars.VOLUME, expect, 50.0, 2.0, 0.5, state, out)
    assert written > 3
    np.testing.assert_array_equal(found, out[:written])


def test_what_the_endings_of_a_name_mean():
    given = {
        name: bar_expectations(parse_bar_spec(name), ExpectationParams(expected_range=2.0, bar_range=3.0, floor=4.0))
        for name in ("tib_100", "tib_100_const", "tib_100_book")
    }
    bounds = {name: (e.expected_min, e.expected_max, e.min_ticks, e.max_ticks, e.floor) for name, e in given.items()}
    assert bounds == {
        "tib_100": (50.0, 200.0, 34.0, 300.0, 4.0),
        "tib_100_const": (100.0, 100.0, 34.0, 300.0, 4.0),
        "tib_100_book": (0.0, EVER, 0.0, EVER, 0.0),
    }


@pytest.mark.parametrize("name", ["tib_500", "dib_500", "dib_500_const", "trb_500", "drb_500_const"])
def test_the_band_holds_on_real_trades(name, trades):
    kernel = bar_kernel(parse_bar_spec(name), ExpectationParams())
    rows = kernel.rows(trades, 50.0, 1.0, 1.0, kernel.initial_state())
    counts = rows[:, kernel.columns.index("n_ticks")]
    assert 20_000 // 5_000 <= len(rows) <= 20_000 // 50
    assert counts.min() >= 50
    assert counts.max() <= 5_000
    # inside the band, not along its edges
    assert 50 < np.median(counts) < 5_000


@pytest.mark.parametrize("name", ["bar_range", "expected_range", "floor", "span_bars", "span_ticks"])
def test_parameters_out_of_range_are_refused(name):
    for value in (-1.0, float("nan"), float("inf")):
        with pytest.raises((ValidationError, ParamsError), match=name):
            ExpectationParams(**{name: value})
