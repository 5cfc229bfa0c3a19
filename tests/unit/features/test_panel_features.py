"""Ranks and z-scores among the tickers that close together, over the universe that was known then."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from pydantic import ValidationError
from scipy.stats import rankdata, zscore

from tsis.core.errors import DataError, ParamsError, UnknownNameError
from tsis.core.table import spec
from tsis.features.panel_features import PanelFeaturesParams, panel_columns, panel_features
from tsis.tables.processed_features.features import Features
from tsis.tables.processed_features.panel_features import PanelFeatures
from tsis.tables.reference.sessions import Sessions
from tsis.tables.reference.tickers_dim import TickersDim

DAY0 = date(2020, 1, 1)
TICKERS = [f"T{i}" for i in range(8)]
N_DAYS = 30


def day(number):
    return DAY0 + timedelta(days=number)


def at(number, hour):
    return datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=number, hours=hour)


def panel(n_days=N_DAYS, seed=0, tickers=TICKERS):
    """Return made-up values, sessions by tickers, with ties."""
    return pd.DataFrame(np.round(np.random.default_rng(seed).normal(0, 1, (n_days, len(tickers))), 1), columns=tickers)


@pytest.fixture
def universe(frame):
    """Build the inputs of a panel of values; NaN is a bar without the value, infinity no bar at all."""

    def build(values, close=21, exchange="XNYS", bar_spec="time_1d", **facts):
        cells = [(t, d, values[t][d]) for t in values for d in range(len(values)) if values[t][d] != np.inf]
        tickers, days, numbers = (list(column) for column in zip(*cells, strict=True))
        bars = frame(Features, ticker=tickers, bar_spec=bar_spec, ts_close=[at(d, close) for d in days], seq=0)
        column = pl.Series("x", numbers, dtype=pl.Float64, strict=False).fill_nan(None)
        n = len(values)
        sessions = frame(
            Sessions,
            exchange=exchange,
            session=[day(d) for d in range(n)],
            open=[at(d, close - 7) for d in range(n)],
            close=[at(d, close) for d in range(n)],
        )
        given = {"exchange": exchange, "asset_class": "equity", "valid_from": date(1990, 1, 1)} | facts
        dim = frame(TickersDim, **{"ticker": list(values), "known_at": datetime(1990, 1, 1, tzinfo=UTC)} | given)
        return {"features": bars.with_columns(column), "sessions": sessions, "tickers_dim": dim}

    return build


def made(inputs, names=("x",), **params):
    chosen = PanelFeaturesParams(features=names, series={"equity": {"time_1d": params}})
    found = panel_features(**inputs, params=chosen)
    spec(PanelFeatures).widened(panel_columns(chosen)).schema.validate(found)
    return found


def wide(rows, column, tickers=TICKERS, n_days=N_DAYS):
    found = pd.DataFrame({"day": rows["session"].to_list(), "ticker": rows["ticker"], "v": rows[column].to_numpy()})
    out = found.pivot(index="day", columns="ticker", values="v")
    return out.reindex(index=[day(d) for d in range(n_days)], columns=tickers).to_numpy(dtype=float)


def joined(*inputs):
    return {name: pl.concat([one[name] for one in inputs]) for name in inputs[0]}


def test_ranks_and_z_scores_are_those_of_scipy(universe):
    values = panel()
    found = made(universe(values))
    ranks = (np.apply_along_axis(rankdata, 1, values.to_numpy()) - 1.0) / (len(TICKERS) - 1.0)
    np.testing.assert_allclose(wide(found, "x_rank"), ranks, rtol=0, atol=1e-15)
    np.testing.assert_allclose(wide(found, "x_zscore"), zscore(values.to_numpy(), axis=1, ddof=1), rtol=1e-12)
    assert set(found["n_tickers"]) == set(found["n_listed"]) == {len(TICKERS)}
    assert found["x_rank"].min() == 0.0
    assert found["x_rank"].max() == 1.0
    assert found["session"].to_list() == found["ts_close"].dt.date().to_list()


def test_what_is_missing_is_not_compared(universe):
    values = panel(seed=1)
    values.loc[:9, "T0"] = np.nan  # a warm-up
    values.loc[12, "T3"] = np.inf  # a halt
    found = made(universe(values))
    known = values.replace(np.inf, np.nan)
    expected = (known.rank(axis=1) - 1).div(known.notna().sum(axis=1) - 1, axis=0)
    np.testing.assert_allclose(wide(found, "x_rank"), expected, rtol=0, atol=1e-15)
    scores = known.sub(known.mean(axis=1), axis=0).div(known.std(axis=1), axis=0)
    np.testing.assert_allclose(wide(found, "x_zscore"), scores, rtol=1e-11, atol=1e-14)
    # a bar without the value has a row and no rank; a ticker without a bar has no row, and is counted
    assert found.filter(pl.col("ticker") == "T0").height == N_DAYS
    halted = found.filter(pl.col("session") == day(12))
    assert "T3" not in halted["ticker"].to_list()
    assert set(halted["n_tickers"]) == {7}
    assert set(halted["n_listed"]) == {8}


def test_a_universe_that_is_there_in_part_is_not_compared(universe):
    values = panel(seed=2)
    values.loc[5, TICKERS[:5]] = np.inf
    values.loc[6, TICKERS[:4]] = np.inf
    values.loc[7, TICKERS[:5]] = np.nan
    inputs = universe(values)
    found = made(inputs, min_coverage_frac=0.5)
    by_day = dict(found.group_by("session").agg(pl.col("x_rank").count()).iter_rows())
    assert [by_day[day(d)] for d in (4, 5, 6, 7, 8)] == [8, 0, 4, 0, 8]
    assert found.filter(pl.col("session") == day(5)).select("n_tickers", "n_listed").unique().rows() == [(3, 8)]
    some = made(inputs, min_coverage_frac=0.0)
    assert some.filter(pl.col("session") == day(5))["x_rank"].sort().to_list() == [0.0, 0.5, 1.0]
    assert made(inputs, min_tickers=5).filter(pl.col("session") == day(6))["x_rank"].null_count() == 4
    assert made(inputs, min_tickers=9)["x_zscore"].null_count() == found.height


def test_equal_values_share_a_rank_and_have_no_z_score(universe):
    values = panel(3)
    values.loc[0] = 0.1
    values.loc[1] = [1.0] * 4 + [2.0] * 4
    found = made(universe(values))
    assert set(found.filter(pl.col("session") == day(0))["x_rank"]) == {0.5}
    assert set(found.filter(pl.col("session") == day(0))["x_zscore"]) == {None}
    assert set(found.filter(pl.col("session") == day(1))["x_rank"]) == {1.5 / 7, 5.5 / 7}


def test_the_universe_is_that_of_the_day(universe):
    """Those listed later or delisted before do not count; those delisted since do."""
    values = panel(seed=3)
    values.loc[:9, "T0"] = np.inf
    values.loc[20:, "T1"] = np.inf
    values.loc[15, "T1"] = np.inf
    first = [date(1990, 1, 1)] * 8
    first[0] = day(10)
    last = [None, day(19), *[None] * 6]
    known = [datetime(1990, 1, 1, tzinfo=UTC)] * 8
    known[0], known[1] = at(10, 0), at(20, 0)  # the row of T1 was replaced when its listing ended
    found = made(universe(values, valid_from=first, valid_to=last, known_at=known))
    sizes = found.group_by("session").agg(pl.col("n_tickers").first(), pl.col("n_listed").first()).sort("session")
    assert sizes["n_listed"].to_list() == [7] * 10 + [8] * 10 + [7] * 10
    assert sizes["n_tickers"].to_list() == [7] * 10 + [8] * 5 + [7] + [8] * 4 + [7] * 10
    np.testing.assert_array_equal(np.isnan(wide(found, "x_rank")), np.isinf(values))


def test_a_listing_that_was_not_yet_known_does_not_count(universe):
    values = panel(seed=4)
    known = [datetime(1990, 1, 1, tzinfo=UTC)] * 7 + [at(12, 18)]  # during session 12: from 13 on
    found = made(universe(values, known_at=known))
    there = found.filter(pl.col("ticker") == "T7")["session"].sort()
    assert there.to_list() == [day(d) for d in range(13, N_DAYS)]
    others = panel(seed=4).drop(columns="T7")
    without = made(universe(others, valid_from=date(1990, 1, 1)))
    assert_frame_equal(
        found.filter(pl.col("session") < day(13)), without.filter(pl.col("session") < day(13)), check_exact=True
    )


def test_what_comes_later_changes_no_row(universe):
    """Nor do rows of tickers_dim that are told later: an end, and a ticker that is added."""
    values = panel(seed=5)
    values.loc[22:, "T2"] = np.inf
    ended = {"valid_to": [None, None, day(21), *[None] * 5]}
    known = [datetime(1990, 1, 1, tzinfo=UTC)] * 8
    known[2], known[6] = at(24, 2), at(26, 2)
    whole = made(universe(values, known_at=known, **ended))
    compared = 0
    for cut in (5, 20, 21, 22, 23, 24, 27):
        inputs = universe(values, known_at=known, **ended)
        moment = at(cut, 21)
        inputs["features"] = inputs["features"].filter(pl.col("ts_close") <= moment)
        then = [value if value <= moment else datetime(1990, 1, 1, tzinfo=UTC) for value in known]
        inputs["tickers_dim"] = universe(
            values, known_at=then, valid_to=[None, None, day(21) if known[2] <= moment else None, *[None] * 5]
        )["tickers_dim"].filter((pl.col("ticker") != "T6") | pl.lit(known[6] <= moment))
        if known[6] > moment:
            inputs["features"] = inputs["features"].filter(pl.col("ticker") != "T6")
        expected = whole.filter(pl.col("ts_close") <= moment)
        assert_frame_equal(made(inputs), expected, check_exact=True)
        compared += expected.height
    assert compared > 0
    # the end was told before session 24: until then the ticker was thought to be listed, from then on it is not
    sizes = whole.group_by("session").agg(pl.col("n_listed").first()).sort("session")["n_listed"].to_list()
    assert sizes[20:28] == [7, 7, 7, 7, 6, 6, 7, 7]


def test_exchanges_that_close_together_are_compared_and_others_not(universe):
    values = panel(seed=6)
    here = universe(values[TICKERS[:4]])
    together = made(joined(here, universe(values[TICKERS[4:]], exchange="XNAS")))
    assert set(together["n_tickers"]) == set(together["n_listed"]) == {8}
    apart = made(joined(here, universe(values[TICKERS[4:]], exchange="XLON", close=16)))
    assert set(apart["n_tickers"]) == set(apart["n_listed"]) == {4}
    mine = apart.filter(pl.col("ticker").is_in(TICKERS[:4]))
    assert_frame_equal(mine, made(here), check_exact=True)


def test_bars_outside_of_sessions_are_not_compared(universe):
    inputs = universe(panel())
    inputs["sessions"] = inputs["sessions"].filter(pl.col("session") != day(4))
    found = made(inputs)
    assert day(4) not in found["session"].to_list()
    assert found["session"].n_unique() == N_DAYS - 1


def test_several_features_and_the_order_of_the_input(universe):
    inputs = universe(panel())
    inputs["features"] = inputs["features"].with_columns(y=-pl.col("x"), z=pl.lit(None, pl.Float64))
    found = made(inputs, names=("x", "y", "z"))
    np.testing.assert_allclose(found["x_rank"], 1.0 - found["y_rank"], rtol=0, atol=1e-15)
    assert found["z_rank"].null_count() == found.height
    mixed = {name: rows.sample(fraction=1.0, shuffle=True, seed=3) for name, rows in inputs.items()}
    assert_frame_equal(made(mixed, names=("x", "y", "z")), found, check_exact=True)
    empty = {name: rows.clear() for name, rows in inputs.items()}
    assert made(empty, names=("x", "y", "z")).is_empty()


def test_what_cannot_be_compared_is_refused(universe):
    inputs = universe(panel(3))
    with pytest.raises(UnknownNameError, match="did you mean 'x'"):
        made(inputs, names=("xx",))
    with pytest.raises(DataError, match="T7"):
        made(inputs | {"tickers_dim": inputs["tickers_dim"].filter(pl.col("ticker") != "T7")})
    with pytest.raises(ParamsError, match="dollar_1k"):
        panel_features(**inputs, params=PanelFeaturesParams(features=("x",), series={"equity": {"dollar_1k": {}}}))
    for wrong in ({"features": ("x", "x")}, {"series": {"equity": {"time_1d": {"min_tickers": 1}}}}):
        with pytest.raises(ValidationError):
            PanelFeaturesParams(**wrong)
