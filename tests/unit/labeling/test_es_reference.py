"""Figures that a correct implementation reproduces on 1,000 ES dollar bars of January 2015."""

import numpy as np
import polars as pl
import pytest

from tsis.kernels.concurrency import concurrency
from tsis.labeling.bar_positions import microseconds, start_positions
from tsis.labeling.events import directions
from tsis.labeling.filters.cusum import CusumParams
from tsis.labeling.sample_weights import weights
from tsis.labeling.triple_barrier import BarrierParams, labels
from tsis.labeling.volatility import daily_volatility

DAY_S = 86_400.0


@pytest.fixture(scope="module")
def volatility(es_bars):
    return daily_volatility(microseconds(es_bars["ts_close"]), es_bars["close"].to_numpy(), 100)


@pytest.fixture(scope="module")
def cusum_events(es_bars, volatility):
    fired = directions(es_bars, volatility, CusumParams(threshold_frac=0.02)) != 0
    return es_bars.select(
        ticker=pl.lit("ES"),
        bar_spec=pl.lit("dollar_70M"),
        t0="ts_close",
        seq="seq",
        kind=pl.lit("cusum"),
        side=pl.lit(None, dtype=pl.Int8),
        target=pl.Series(volatility),
    ).filter(pl.Series(fired) & pl.Series(volatility > 0.005))


def test_ewm_daily_volatility(volatility):
    assert volatility[-1] == pytest.approx(0.008968238932170641, rel=1e-12)


def test_cusum_event_counts(es_bars, volatility):
    thresholds = (0.005, 0.007, 0.01, 0.015, 0.02, 0.03, 0.04)
    counts = [
        np.count_nonzero(directions(es_bars, volatility, CusumParams(threshold_frac=level))) for level in thresholds
    ]
    assert counts == [100, 63, 37, 17, 9, 5, 2]


def test_triple_barrier_bins_and_targets(es_bars, cusum_events):
    found = labels(
        cusum_events,
        es_bars,
        BarrierParams(pt=1, sl=1, max_bars=None, max_seconds=DAY_S, vertical_label="zero"),
    )
    assert found["label"].to_list() == [0, 1, -1, 1, 0, -1, 1, -1]
    assert cusum_events["target"][0] == pytest.approx(0.010166261, abs=5e-10)
    assert cusum_events["target"][-1] == pytest.approx(0.006455888, abs=5e-10)


def test_concurrency_and_return_attribution(es_bars, cusum_events):
    wide = BarrierParams(pt=4, sl=4, max_bars=None, max_seconds=2 * DAY_S)
    found = labels(cusum_events, es_bars, wide)
    # the window of the last event is still open: it has no label and counts to the last bar
    assert cusum_events.height - found.height == 1
    start = start_positions(cusum_events, es_bars)
    end = np.full(start.size, es_bars.height)
    end[:-1] = es_bars["ts_close"].search_sorted(found["t1"]).to_numpy()
    alive = concurrency(start, end, es_bars.height)[start[0] :]
    histogram = dict(zip(*(values.tolist() for values in np.unique(alive, return_counts=True)), strict=True))
    assert histogram == {0: 186, 1: 505, 2: 92}
    attributed = weights(found, es_bars)["return_attribution"].to_numpy()
    np.testing.assert_allclose(
        attributed / attributed.mean(),
        [0.781807, 0.978166, 0.728686, 1.627944, 0.182729, 0.612540, 2.088129],
        atol=5e-7,
    )
