import numpy as np
import pandas as pd
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tsis.core.errors import DataError
from tsis.core.table import spec
from tsis.labeling.events import EventsParams, SeriesEvents, events
from tsis.labeling.filters.cusum import CusumParams
from tsis.labeling.volatility import bar_volatility
from tsis.tables.labeling.events import Events


def path(n=400, seed=2):
    return (100.0 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 0.01, n)))).tolist()


def found(bars, dim, min_target_frac=0.0, **params):
    chosen = SeriesEvents(
        span=20, min_target_frac=min_target_frac, filters=(CusumParams(**({"multiple": 2.0} | params)),)
    )
    series = {"future": {"time_1h": chosen}}
    return spec(Events).schema.validate(
        events(information_bars=bars, tickers_dim=dim, params=EventsParams(series=series))
    )


def test_target_is_the_volatility_at_the_event(bars, dim):
    close = path()
    expected = pd.Series(close).pct_change().ewm(span=20).std()
    rows = found(bars(close), dim).join(bars(close), left_on="t0", right_on="ts_close")
    assert rows.height > 20
    at = [close.index(value) for value in rows["close"]]
    np.testing.assert_allclose(rows["target"], expected.iloc[at], rtol=1e-10)
    assert min(at) >= 20


def test_reversal_is_the_other_side(bars, dim):
    momentum, reversal = found(bars(path()), dim), found(bars(path()), dim, primary="reversal")
    assert set(momentum["side"]) == {-1, 1}
    assert_frame_equal(momentum.with_columns(-pl.col("side")), reversal, check_exact=True)


def test_a_rising_price_raises_upward_events(bars, dim):
    rising = [100.0 * 1.01 ** (i + (i % 2) / 4) for i in range(100)]
    assert set(found(bars(rising), dim)["side"]) == {1}


def test_small_targets_are_no_events(bars, dim):
    every = found(bars(path()), dim)
    level = float(every["target"].median())
    assert_frame_equal(found(bars(path()), dim, min_target_frac=level), every.filter(pl.col("target") > level))


def test_no_event_sees_later_bars(bars, dim):
    close = path()
    changed = close[:200] + [value * 1.5 for value in close[200:]]
    cut = bars(close)["ts_close"][199]
    before = found(bars(close), dim).filter(pl.col("t0") <= cut)
    assert before.height > 5
    assert_frame_equal(before, found(bars(changed), dim).filter(pl.col("t0") <= cut), check_exact=True)


def test_series_without_settings_have_no_events(bars, dim):
    assert found(bars(path(), bar_spec="time_4h"), dim).is_empty()
    assert found(bars(path())[:0], dim).is_empty()


def test_short_series_have_no_events(bars, dim):
    for n in (1, 2, 20):
        assert found(bars(path(n)), dim).is_empty()
        assert np.isnan(bar_volatility(np.array(path(n)), 20)).all()


def test_an_unknown_ticker_is_named(bars, dim):
    with pytest.raises(DataError, match=r"ES is not in reference.tickers_dim"):
        found(bars(path()), dim.clear())
