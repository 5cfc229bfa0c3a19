from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tsis.bars.daily_cache import DailyCacheParams, daily_cache
from tsis.core.errors import DataError
from tsis.core.table import spec
from tsis.tables.processed_features.daily_cache import DailyCache
from tsis.tables.raw.ohlcv_daily import OhlcvDaily
from tsis.tables.reference.corporate_actions import CorporateActions

SAMPLE = Path(__file__).parents[3] / "data" / "sample"


def cache(bars, dim, acts=None):
    found = daily_cache(
        ohlcv_daily=bars,
        corporate_actions=spec(CorporateActions).empty() if acts is None else acts,
        tickers_dim=dim,
        params=DailyCacheParams(),
    )
    return spec(DailyCache).schema.validate(found)


def test_factors_of_apple(ohlcv, tickers, actions):
    # the dividend 0.205 on a close of 137.39, one of 0.205 on 119.03, a split 7:1
    acts = actions(
        {"ex_date": date(2020, 1, 2), "kind": "dividend", "amount": 0.205},
        {"ex_date": date(2020, 1, 3), "kind": "dividend", "amount": 0.205},
        {"ex_date": date(2020, 1, 4), "kind": "split", "ratio": 7.0},
    )
    found = cache(ohlcv([137.39, 119.03, 119.0, 17.0]), tickers({"ticker": "IBM"}), acts)
    growth = 1.0 / found["dividend_factor"].to_numpy()
    np.testing.assert_allclose(growth[:3], [1.0, 0.9985079, 0.9967882], atol=5e-8)
    assert found["split_factor"].to_list() == [1.0, 1.0, 1.0, 7.0]
    # split-adjusted: 17 after 7:1 is unchanged
    assert found["pctchg_d"][3] == pytest.approx(0.0, abs=1e-15)
    assert found["gap_frac"][3] == pytest.approx(0.0, abs=1e-15)


def test_adjusted_closes_of_the_sample_follow_the_vendors():
    source = pl.read_parquet(SAMPLE / "us_daily.parquet").filter(pl.col("ticker") == "AAPL")
    acts = pl.read_parquet(SAMPLE / "us_corporate_actions.parquet").filter(pl.col("ticker") == "AAPL")
    from tsis.bars.adjustment import forward_factors

    known = acts.with_columns(source=pl.lit("test"))
    splits, growth = forward_factors(source["date"].to_numpy(), source["close"].to_numpy(), known, "AAPL")
    ratio = source["close"].to_numpy() * splits * growth / source["adj_close"].to_numpy()
    assert splits[-1] > 1.0
    assert growth[-1] > 1.0
    assert ratio.max() / ratio.min() - 1.0 < 1e-3


def test_a_later_action_changes_nothing_stored(ohlcv, tickers, actions):
    bars, dim = ohlcv([100.0 + i for i in range(40)]), tickers({"ticker": "IBM"})
    late = actions({"ex_date": date(2020, 2, 5), "kind": "split", "ratio": 2.0})
    before, after = cache(bars, dim), cache(bars, dim, late)
    unaffected = pl.col("date") < date(2020, 2, 5)
    assert_frame_equal(before.filter(unaffected), after.filter(unaffected), check_exact=True)
    assert after["split_factor"][-1] == 2.0


def test_no_row_sees_later_days(ohlcv, tickers):
    closes = [100.0 + i % 7 for i in range(60)]
    dim = tickers({"ticker": "IBM"})
    before = cache(ohlcv(closes), dim)
    after = cache(ohlcv(closes[:45] + [close * 3 for close in closes[45:]]), dim)
    assert_frame_equal(before[:45], after[:45], check_exact=True)
    assert not before[45:].equals(after[45:])


def test_rvol_is_against_the_30_sessions_before(ohlcv, tickers):
    bars = ohlcv([100.0] * 32).with_columns(
        volume=pl.Series([1_000.0] * 30 + [3_000.0, 1_000.0]),
    )
    found = cache(bars, tickers({"ticker": "IBM"}))
    assert found["rvol30"][:30].is_null().all()
    assert found["rvol30"][30] == 3.0
    assert found["rvol30"][31] == pytest.approx(1_000 / (32_000 / 30))


def test_each_threshold_scores_a_point(ohlcv, tickers):
    quiet = ohlcv([100.0] * 31)
    loud = quiet.with_columns(
        pl.when(pl.int_range(pl.len()) == 30).then(pl.col(name) * factor).otherwise(pl.col(name)).alias(name)
        for name, factor in [("open", 1.2), ("high", 1.2), ("low", 1.2), ("close", 1.2), ("volume", 20.0)]
    )
    dim = tickers({"ticker": "IBM", "float_shares": 40_000.0})
    assert cache(quiet, dim)["info_score"].to_list() == [0] * 31
    last = cache(loud, dim).row(30, named=True)
    assert last["float_rotation"] == 0.5
    assert last["info_score"] == 5
    # an unknown quantity scores none
    assert cache(loud, tickers({"ticker": "IBM"})).row(30, named=True)["info_score"] == 4


def test_the_float_is_the_one_of_the_day(ohlcv, tickers):
    dim = tickers(
        {"ticker": "IBM", "float_shares": 1_000.0, "valid_from": date(2020, 1, 2), "valid_to": date(2020, 1, 2)},
        {"ticker": "IBM", "float_shares": 2_000.0, "valid_from": date(2020, 1, 4)},
    )
    assert cache(ohlcv([1.0] * 4), dim)["float_rotation"].to_list() == [None, 1.0, None, 0.5]


def test_a_float_that_is_published_later_is_not_known_before(ohlcv, tickers):
    late = datetime(2020, 1, 4, tzinfo=UTC)
    dim = tickers(
        {"ticker": "IBM", "float_shares": 1_000.0, "valid_to": date(2020, 1, 1), "known_at": late},
        {"ticker": "IBM", "float_shares": 2_000.0, "valid_from": date(2020, 1, 2), "known_at": late},
    )
    assert cache(ohlcv([1.0] * 4), dim)["float_rotation"].to_list() == [1.0, 1.0, 1.0, 0.5]


@pytest.mark.parametrize(
    ("first", "length", "expected"),
    [
        (datetime(2020, 1, 6, 14, 30, tzinfo=UTC), timedelta(hours=6.5), date(2020, 1, 6)),  # New York
        (datetime(2020, 1, 5, 23, 0, tzinfo=UTC), timedelta(hours=6), date(2020, 1, 6)),  # Sydney
        (datetime(2020, 1, 5, 23, 0, tzinfo=UTC), timedelta(hours=23), date(2020, 1, 6)),  # CME
        (datetime(2020, 1, 6, 5, 0, tzinfo=UTC), timedelta(days=1), date(2020, 1, 6)),  # midnight to midnight, New York
        (datetime(2020, 1, 6, tzinfo=UTC), timedelta(days=1), date(2020, 1, 6)),
    ],
)
def test_the_date_is_the_sessions(ohlcv, tickers, first, length, expected):
    found = cache(ohlcv([1.0], first=first, length=length), tickers({"ticker": "IBM"}))
    assert found["date"].to_list() == [expected]


def test_two_sources_for_one_day_are_refused(ohlcv, tickers):
    both = pl.concat([ohlcv([1.0, 2.0]), ohlcv([1.0], source="other")])
    with pytest.raises(DataError, match=r"IBM has two bars on 1 dates .*other, test"):
        cache(both, tickers({"ticker": "IBM"}))


def test_two_sources_for_one_action_are_refused(ohlcv, tickers, actions):
    split = {"ex_date": date(2020, 1, 2), "kind": "split", "ratio": 2.0}
    with pytest.raises(DataError, match="several sources"):
        cache(ohlcv([1.0, 2.0]), tickers({"ticker": "IBM"}), actions(split, split | {"source": "other"}))


def test_impossible_actions_are_refused(ohlcv, tickers, actions):
    bars, dim = ohlcv([1.0, 2.0]), tickers({"ticker": "IBM"})
    with pytest.raises(DataError, match="not less than the close before"):
        cache(bars, dim, actions({"ex_date": date(2020, 1, 2), "kind": "dividend", "amount": 1.0}))
    with pytest.raises(DataError, match="without a ratio"):
        cache(bars, dim, actions({"ex_date": date(2020, 1, 2), "kind": "split"}))


def test_an_unknown_ticker_is_named_with_the_remedy(ohlcv, tickers):
    with pytest.raises(DataError, match=r"IBM is not in reference.tickers_dim; add a row"):
        cache(ohlcv([1.0]), tickers({"ticker": "MSFT"}))


def test_empty_in_empty_out(tickers):
    assert cache(spec(OhlcvDaily).empty(), tickers({"ticker": "IBM"})).is_empty()
