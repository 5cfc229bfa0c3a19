"""Tail sets and excess returns: labels that compare the tickers of a session."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tsis.core.errors import DataError, ParamsError
from tsis.core.table import spec
from tsis.labeling.excess_returns import ExcessParams, ExcessReturnsParams, excess_returns
from tsis.labeling.tail_sets import TailParams, TailSetsParams, tail_sets
from tsis.tables.labeling.excess_returns import ExcessReturns
from tsis.tables.labeling.tail_sets import TailSets
from tsis.tables.processed_features.information_bars import InformationBars
from tsis.tables.reference.tickers_dim import TickersDim

START = datetime(2020, 1, 2, 21, tzinfo=UTC)
TICKERS = [f"T{i}" for i in range(10)]


def walk(n=80, seed=0):
    steps = np.random.default_rng(seed).normal(0, 0.02, (n, len(TICKERS)))
    return pd.DataFrame(100.0 * np.exp(np.cumsum(steps, axis=0)), columns=TICKERS)


@pytest.fixture
def universe(frame):
    """Build bars and instruments of a panel of closes; a missing close has no bar."""

    def build(panel, bar_spec="time_1d", exchange="XNYS", hour=0):
        rows = [
            {"ticker": ticker, "ts_close": START + timedelta(days=day, hours=hour), "close": panel[ticker][day]}
            for ticker in panel
            for day in range(len(panel))
            if np.isfinite(panel[ticker][day])
        ]
        given = {name: [row[name] for row in rows] for name in ("ticker", "ts_close", "close")}
        prices = dict.fromkeys(("open", "high", "low"), given["close"])
        bars = frame(InformationBars, **given, **prices, bar_spec=bar_spec, seq=0)
        dim = frame(TickersDim, ticker=list(panel), exchange=exchange, asset_class="equity")
        return {"information_bars": bars, "tickers_dim": dim}

    return build


def tails_of(inputs, **params):
    chosen = TailSetsParams(series={"equity": {"time_1d": TailParams(**({"span": 5} | params))}})
    return spec(TailSets).schema.validate(tail_sets(**inputs, params=chosen))


def excess_of(inputs, **params):
    chosen = ExcessReturnsParams(series={"equity": {"time_1d": ExcessParams(**params)}})
    return spec(ExcessReturns).schema.validate(excess_returns(**inputs, params=chosen))


def wide(rows, column):
    """Return a frame of sessions by tickers."""
    day = [(moment - START).days for moment in rows["t0"]]
    return pd.DataFrame({"day": day, "ticker": rows["ticker"], "x": rows[column]}).pivot(
        index="day", columns="ticker", values="x"
    )


@pytest.mark.parametrize("n_bars", [1, 3])
def test_excess_over_mean_and_median(universe, n_bars):
    panel = walk()
    found = excess_of(universe(panel), n_bars=n_bars)
    returns = (panel.shift(-n_bars) / panel - 1.0).dropna()
    over = {"mean": returns.sub(returns.mean(axis=1), axis=0), "median": returns.sub(returns.median(axis=1), axis=0)}
    for name, expected in over.items():
        np.testing.assert_allclose(wide(found, f"excess_{name}_frac"), expected, rtol=0, atol=1e-15)
        np.testing.assert_array_equal(wide(found, f"label_{name}"), np.sign(wide(found, f"excess_{name}_frac")))
    assert set(found["n_tickers"]) == {10}
    assert set((found["t1"] - found["t0"]).dt.total_days()) == {n_bars}


@pytest.mark.parametrize(("n_bars", "n_bins"), [(1, 5), (4, 2)])
def test_tails_are_the_outer_quantiles(universe, n_bars, n_bins):
    panel = walk(seed=1)
    found = tails_of(universe(panel), n_bars=n_bars, tail_frac=1 / n_bins)
    volatility = panel.pct_change().ewm(span=5).std()
    volatility[:5] = np.nan
    adjusted = ((panel.shift(-n_bars) / panel - 1.0) / volatility).dropna()
    bins = adjusted.apply(lambda row: pd.qcut(row, n_bins, labels=False), axis=1)
    expected = (bins == n_bins - 1).astype(int) - (bins == 0).astype(int)
    np.testing.assert_array_equal(wide(found, "label"), expected)
    np.testing.assert_allclose(wide(found, "volatility_frac"), volatility.loc[expected.index], rtol=1e-10)


def test_no_row_changes_with_what_follows_its_t1(universe):
    panel = walk(seed=2)
    panel.loc[50:, "T3"] = np.nan  # delisted
    panel.loc[:30, "T0"] = np.nan  # listed later
    panel.loc[40, "T5"] = np.nan  # halted for a day
    for label in (tails_of, excess_of):
        whole = label(universe(panel), n_bars=2)
        for n in (25, 41, 52, 70):
            head = label(universe(panel[:n]), n_bars=2)
            cut = START + timedelta(days=n - 1)
            assert_frame_equal(whole.filter(pl.col("t1") <= cut), head, check_exact=True)
            assert head.height > 0
        halted = whole.filter(
            pl.col("ticker") == "T5", pl.col("t0").is_between(START + timedelta(days=37), START + timedelta(days=41))
        )
        assert [(moment - START).days for moment in halted["t0"]] == [37, 39, 41]
        assert set(whole.filter(pl.col("t0") > START + timedelta(days=51))["n_tickers"]) == {9}


def test_equal_values_share_a_tail_or_none(universe):
    panel = walk(30)
    for ticker in TICKERS[1:]:
        panel[ticker] = panel["T0"]
    assert set(tails_of(universe(panel), tail_frac=0.2)["label"]) == {0}
    panel["T9"] = walk(30, seed=7)["T9"]
    found = wide(tails_of(universe(panel), tail_frac=0.2), "label")
    # two places in each tail: the one that differs has one of them, nine that are equal do not fit into the other
    assert (found[TICKERS[:9]] == 0).all().all() or set(found["T9"]) <= {-1, 1}
    assert set(found["T9"]) == {-1, 1}


def test_sessions_with_too_few_tickers_have_no_rows(universe):
    panel = walk()[["T0", "T1", "T2", "T3"]]
    assert tails_of(universe(panel), tail_frac=0.2).is_empty()
    assert tails_of(universe(panel), tail_frac=0.25).height > 0
    assert excess_of(universe(panel), min_tickers=5).is_empty()
    assert excess_of(universe(panel[["T0"]])).is_empty()


def test_exchanges_that_close_together_are_compared_and_others_not(universe):
    panel = walk()
    here, there = universe(panel[TICKERS[:4]]), universe(panel[TICKERS[4:]], exchange="XNAS")
    elsewhere = universe(panel[TICKERS[4:]], exchange="XLON", hour=-5)

    def joined(one, other):
        return {name: pl.concat([one[name], other[name]]) for name in one}

    assert set(excess_of(joined(here, there))["n_tickers"]) == {10}
    apart = excess_of(joined(here, elsewhere))
    assert set(apart["n_tickers"]) == {4, 6}
    assert_frame_equal(apart.filter(pl.col("ticker").is_in(TICKERS[:4])), excess_of(here), check_exact=True)


def test_rows_do_not_depend_on_the_order_of_the_input(universe):
    inputs = universe(walk())
    mixed = {name: rows.sample(fraction=1.0, shuffle=True, seed=3) for name, rows in inputs.items()}
    for label in (tails_of, excess_of):
        assert_frame_equal(label(inputs), label(mixed), check_exact=True)


def test_bars_of_their_own_times_and_unknown_tickers_are_refused(universe):
    inputs = universe(walk(20))
    for stage, params in ((tail_sets, TailSetsParams), (excess_returns, ExcessReturnsParams)):
        with pytest.raises(ParamsError, match=rf"bars of dollar_5M .* name time bars in {stage.name}.series"):
            stage(**inputs, params=params.model_validate({"series": {"equity": {"dollar_5M": {}}}}))
        with pytest.raises(DataError, match=r"10 tickers are not in reference.tickers_dim"):
            stage(
                information_bars=inputs["information_bars"], tickers_dim=inputs["tickers_dim"].clear(), params=params()
            )
        nothing = stage(**{name: rows.clear() for name, rows in inputs.items()}, params=params())
        assert nothing.is_empty()
        assert nothing.schema == stage.writes[0].polars_schema


def test_a_ticker_that_moves_later_changes_nothing_before(universe):
    """It is compared on the exchange where it was listed then: a later row of tickers_dim is not known yet."""
    inputs = universe(walk(40))
    early = universe(walk(40, seed=9), exchange="XLON", hour=-5)
    one = early["information_bars"].filter(pl.col("ticker") == "T0").with_columns(ticker=pl.lit("MOVED"))
    bars = pl.concat([inputs["information_bars"], one])
    listed = early["tickers_dim"].head(1).with_columns(ticker=pl.lit("MOVED"))
    moved_on = (START + timedelta(days=20)).date()
    moved = listed.with_columns(exchange=pl.lit("XNYS"), valid_from=pl.lit(moved_on))
    before = excess_of({"information_bars": bars, "tickers_dim": pl.concat([inputs["tickers_dim"], listed])}, n_bars=2)
    after = excess_of(
        {"information_bars": bars, "tickers_dim": pl.concat([inputs["tickers_dim"], listed, moved])}, n_bars=2
    )
    known = pl.col("t1") < START + timedelta(days=19)
    assert before.filter(known).height > 100
    assert_frame_equal(before.filter(known), after.filter(known))
