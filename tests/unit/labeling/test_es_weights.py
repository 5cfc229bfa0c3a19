"""The published figures of the weights on 1,000 ES dollar bars of January 2015, from the bars on."""

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
from tsis.models.bootstrap import uniqueness
from tsis.models.fold_weights import normalised, time_decay

TWO_DAYS_S = 172_800.0


@pytest.fixture(scope="module")
def windows(es_bars):
    """The seven labels that had ended: their rows and the first and last bar of each."""
    close = es_bars["close"].to_numpy()
    volatility = daily_volatility(microseconds(es_bars["ts_close"]), close, 100)
    fired = directions(es_bars, volatility, CusumParams(threshold_frac=0.02)) != 0
    events = es_bars.select(
        ticker=pl.lit("ES"),
        bar_spec=pl.lit("dollar_70M"),
        t0="ts_close",
        seq="seq",
        kind=pl.lit("cusum"),
        side=pl.lit(None, dtype=pl.Int8),
        target=pl.Series(volatility),
    ).filter(pl.Series(fired) & pl.Series(volatility > 0.005))
    found = labels(events, es_bars, BarrierParams(pt=4, sl=4, max_bars=None, max_seconds=TWO_DAYS_S))
    start = start_positions(events, es_bars)
    return found, start, es_bars["ts_close"].search_sorted(found["t1"]).to_numpy().astype(np.int64)


def test_concurrency_histogram(es_bars, windows):
    _, start, end = windows
    to_the_last_bar = np.append(end, es_bars.height - 1)  # the eighth window is still open
    alive = concurrency(start, to_the_last_bar, es_bars.height)[start[0] :]
    assert dict(zip(*np.unique(alive, return_counts=True), strict=True)) == {0: 186, 1: 505, 2: 92}


def test_return_attribution(es_bars, windows):
    found = normalised(weights(windows[0], es_bars)["return_attribution"].to_numpy())
    published = [0.781807, 0.978166, 0.728686, 1.627944, 0.182729, 0.612540, 2.088129]
    np.testing.assert_allclose(found, published, atol=5e-7)
    assert found.sum() == pytest.approx(7.0)


def test_time_decay(es_bars, windows):
    unique = weights(windows[0], es_bars)["average_uniqueness"].to_numpy()
    decayed = time_decay(unique, 0.5)
    assert decayed[0] == pytest.approx(0.582191, abs=5e-7)
    assert decayed[-1] == 1.0
    # and what a fold computes of its own rows is what the lake stores of all of them, where they are all
    found, start, end = windows
    np.testing.assert_allclose(uniqueness(start[: found.height], end), unique, rtol=1e-14)
