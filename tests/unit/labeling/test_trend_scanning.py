import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from pydantic import ValidationError

from tsis.core.table import spec
from tsis.kernels.trend_scan import trend_scan
from tsis.labeling.trend_scanning import TrendParams, TrendScanningParams, trend_labels, trend_scanning
from tsis.tables.labeling.events import Events
from tsis.tables.labeling.trend_scanning import TrendScanning


def scan(close, start, shortest=5, longest=20, step=1):
    start = np.asarray(start, dtype=np.int64)
    t_value, n_bars = np.empty(start.size), np.empty(start.size, dtype=np.int64)
    trend_scan(np.asarray(close, dtype=float), start, shortest, longest, step, t_value, n_bars)
    return t_value, n_bars


def t_of_slope(y):
    """The t-value of the slope by least squares on the matrix [1, x]."""
    x = np.column_stack((np.ones(y.size), np.arange(y.size)))
    coefficients, (squares,), *_ = np.linalg.lstsq(x, y, rcond=None)
    return coefficients[1] / np.sqrt(squares / (y.size - 2) * np.linalg.inv(x.T @ x)[1, 1])


def by_least_squares(close, first, shortest, longest, step):
    found = {n: t_of_slope(close[first : first + n]) for n in range(shortest, longest + 1, step)}
    best = max(found, key=lambda n: abs(found[n]))
    return found[best], best


@pytest.mark.parametrize("windows", [(3, 12, 1), (5, 20, 1), (5, 60, 7), (10, 10, 1)])
def test_against_least_squares(es_bars, windows):
    close = es_bars["close"].to_numpy()
    start = np.arange(0, 1_000 - windows[1] + 1, 11)
    t_value, n_bars = scan(close, start, *windows)
    expected, lengths = np.array([by_least_squares(close, first, *windows) for first in start]).T
    np.testing.assert_array_equal(n_bars, lengths)
    # three closes on one line: whatever rounding leaves of the residuals
    is_line = np.abs(expected) > 1e8
    assert (np.abs(t_value[is_line]) > 1e8).all()
    np.testing.assert_allclose(t_value[~is_line], expected[~is_line], rtol=1e-10)
    assert (~is_line).sum() > 80


@settings(max_examples=40)
@given(
    seed=st.integers(0, 10_000), level=st.sampled_from([1e-4, 1.0, 2_000.0, 1e7]), noise=st.sampled_from([1e-5, 1e-2])
)
def test_the_residuals_do_not_cancel(seed, level, noise):
    steps = np.random.default_rng(seed).normal(0.0, noise, 40)
    close = level * np.exp(np.cumsum(steps))
    t_value, n_bars = scan(close, [0, 5], 5, 30)
    for k, first in enumerate((0, 5)):
        # centred, so that the oracle keeps its digits
        y = (close[first : first + n_bars[k]] - close[first]) / level
        assert t_value[k] == pytest.approx(t_of_slope(y), rel=1e-10)


def test_reversed_and_rescaled_prices():
    close = 100.0 + np.cumsum(np.random.default_rng(5).normal(0, 1, 200))
    start = np.arange(0, 180, 7)
    t_value, n_bars = scan(close, start)
    mirrored, same = scan(1_000.0 - close, start)
    np.testing.assert_allclose(mirrored, -t_value, rtol=1e-9)
    np.testing.assert_array_equal(same, n_bars)
    assert scan(close * 1024.0, start)[0].tobytes() == t_value.tobytes()


def test_perfect_lines_and_flat_prices_are_finite():
    up, down, flat = 100.0 + np.arange(20.0), 100.0 - np.arange(20.0), np.full(20, 0.1)
    for close, sign in ((up, 1), (down, -1), (flat, 0)):
        t_value, n_bars = scan(close, [0])
        assert np.isfinite(t_value).all()
        assert np.sign(t_value[0]) == sign
        assert n_bars[0] == (20 if sign else 5)
        assert abs(t_value[0]) > 1e6 or sign == 0


def test_known_only_when_the_longest_window_has_ended(es_bars):
    events = es_bars[np.arange(0, 1_000, 7)].select(
        pl.lit("ES").alias("ticker"), pl.lit("x").alias("bar_spec"), pl.col("ts_close").alias("t0"), "seq"
    )
    params = TrendParams(shortest=5, longest=30)
    found = trend_labels(events, es_bars, params)
    numbers = {time: i for i, time in enumerate(es_bars["ts_close"])}
    spans = [numbers[t1] - numbers[t0] for t0, t1 in found.select("t0", "t1").rows()]
    assert set(spans) == {29}
    assert found["n_bars"].n_unique() > 5
    assert found.height == sum(i + 30 <= 1_000 for i in range(0, 1_000, 7))
    cut = es_bars["ts_close"][599]
    head = trend_labels(events.filter(pl.col("t0") <= cut), es_bars[:600], params)
    assert_frame_equal(found.filter(pl.col("t1") <= cut), head, check_exact=True)
    close = es_bars["close"].to_numpy()
    ends = [numbers[t0] + n - 1 for t0, n in found.select("t0", "n_bars").rows()]
    starts = [numbers[t0] for t0 in found["t0"]]
    np.testing.assert_array_equal(found["ret_frac"], close[ends] / close[starts] - 1.0)


def test_steps_that_do_not_end_with_the_longest_window_do_not_delay_it(es_bars):
    events = es_bars[:1].select(
        pl.lit("ES").alias("ticker"), pl.lit("x").alias("bar_spec"), pl.col("ts_close").alias("t0"), "seq"
    )
    found = trend_labels(events, es_bars[:18], TrendParams(shortest=5, longest=20, step=10))
    assert found["t1"].to_list() == [es_bars["ts_close"][14]]
    assert_frame_equal(found, trend_labels(events, es_bars[:18], TrendParams(shortest=5, longest=15, step=10)))


def test_a_weak_trend_is_labelled_zero(es_bars):
    events = es_bars[np.arange(0, 900, 9)].select(
        pl.lit("ES").alias("ticker"), pl.lit("x").alias("bar_spec"), pl.col("ts_close").alias("t0"), "seq"
    )
    every = trend_labels(events, es_bars, TrendParams())
    level = float(every["t_value"].abs().median())
    strong = trend_labels(events, es_bars, TrendParams(min_t_value=level))
    expected = every.with_columns(
        pl.when(pl.col("t_value").abs() >= level).then("label").otherwise(0).cast(pl.Int8).alias("label")
    )
    assert_frame_equal(strong, expected.select(strong.columns))
    assert set(every["label"]) == {-1, 1}


def test_the_stage(bars, dim):
    close = (100.0 + np.cumsum(np.random.default_rng(1).normal(0, 1, 40))).tolist()
    rows = bars(close)
    events = rows[[0, 10, 30]].select(
        "ticker", "bar_spec", pl.col("ts_close").alias("t0"), "seq", kind=pl.lit("cusum"),
        side=pl.lit(None, dtype=pl.Int8), target=pl.lit(0.01),
    )  # fmt: skip
    params = TrendScanningParams(series={"future": {"time_1h": TrendParams()}})
    found = trend_scanning(events=events, information_bars=rows, tickers_dim=dim, params=params)
    spec(TrendScanning).schema.validate(found)
    assert found.height == 2
    nothing = trend_scanning(
        events=spec(Events).empty(), information_bars=rows[:0], tickers_dim=dim, params=TrendScanningParams()
    )
    assert nothing.schema == spec(TrendScanning).polars_schema


def test_wrong_windows_are_refused():
    with pytest.raises(ValidationError, match=r"longest \(4\) must not be below shortest \(5\)"):
        TrendParams(longest=4)
    with pytest.raises(ValidationError, match="shortest"):
        TrendParams(shortest=2)
