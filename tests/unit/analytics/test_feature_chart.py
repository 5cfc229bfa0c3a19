"""What a feature chart shows, read back from the figure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from report_frames import frame

from tsis.analytics.feature_chart import feature_chart
from tsis.core.errors import DataError, UnknownNameError
from tsis.core.table import spec
from tsis.tables.processed_features.fair_value_gaps import FairValueGaps
from tsis.tables.processed_features.information_bars import InformationBars
from tsis.tables.processed_features.regimes import Regimes

N = 20
UNITS = {"rsi_14": "0..100", "atr_14": "quote"}


def at(minute: int) -> datetime:
    return datetime(2013, 9, 3, 13, tzinfo=UTC) + timedelta(minutes=minute)


def made_bars(ticker: str = "ES", n: int = N) -> pl.DataFrame:
    close = [100.0 + minute for minute in range(n)]
    return frame(
        InformationBars,
        ticker=[ticker] * n,
        bar_spec="time_1m",
        ts_open=[at(minute - 1) for minute in range(n)],
        ts_close=[at(minute) for minute in range(n)],
        seq=0,
        open=close,
        close=close,
        high=[price + 2.0 for price in close],
        low=[price - 2.0 for price in close],
        raw_table="raw.ohlcv_1m",
    )


def made_features(bars: pl.DataFrame) -> pl.DataFrame:
    n = bars.height
    return bars.select(
        *("ticker", "bar_spec", "ts_close", "seq"),
        rsi_14=pl.Series([None] * 3 + [50.0] * (n - 4) + [float("nan")], dtype=pl.Float64),
        atr_14=pl.Series([float(row) for row in range(n)]),
    )


def made_gaps(**columns: object) -> pl.DataFrame:
    values = {
        "ticker": "ES",
        "bar_spec": "time_1m",
        "timeframe": "M5",
        "direction": "bullish",
        "number": [1],
        "ts_created": at(5),
        "top": 104.0,
        "bottom": 103.0,
        "quality": 0.5,
    } | dict.fromkeys(("ts_touched", "ts_filled", "ts_inverted", "ts_dropped"))
    return frame(FairValueGaps, **(values | columns))


def made_regimes() -> pl.DataFrame:
    starts = [at(-30), at(4), at(9)]
    return frame(
        Regimes,
        ticker=["ES"] * 3,
        bar_spec="time_1m",
        ts_start=starts,
        seq=0,
        regime=["undefined", "trend_up", "range"],
        ts_end=[at(4), at(9), None],
        n_bars=[34, 5, None],
    )


def traces(figure) -> dict[str, dict]:
    return {trace["name"]: trace for trace in figure.to_dict()["data"]}


def rectangles(trace) -> list[tuple]:
    """Left, right, top, bottom of what a line with holes draws."""
    x, y = list(trace["x"]), list(trace["y"])
    parts = range(0, len(x), 6)
    assert all(x[k] == x[k + 4] and y[k] == y[k + 4] and x[k + 5] is None and y[k + 5] is None for k in parts)
    return [(x[k], x[k + 1], y[k], y[k + 2]) for k in parts]


@pytest.fixture
def bars() -> pl.DataFrame:
    return made_bars()


def test_each_feature_has_a_panel_with_its_unit(bars):
    figure = feature_chart(bars, made_features(bars), ["atr_14", "rsi_14"], UNITS)
    assert [figure.layout[axis].title.text for axis in ("yaxis", "yaxis2", "yaxis3")] == [
        "quote, adjusted",
        "quote",
        "0..100",
    ]
    assert [note.text for note in figure.layout.annotations if note.text] == ["atr_14", "rsi_14"]
    found = traces(figure)
    assert (found["atr_14"]["yaxis"], found["rsi_14"]["yaxis"]) == ("y2", "y3")
    assert found["close"].get("yaxis", "y") == "y"
    assert list(found["close"]["y"]) == bars["close"].to_list()
    assert list(found["low"]["y"]) == bars["low"].to_list()
    assert list(found["low to high"]["y"]) == bars["high"].to_list()
    assert found["rsi_14"]["line"]["shape"] == "hv"  # never slanted towards a value that is not known yet


def test_missing_values_leave_holes(bars):
    found = traces(feature_chart(bars, made_features(bars), ["rsi_14"], UNITS))["rsi_14"]
    assert list(found["y"]) == [None] * 3 + [50.0] * (N - 4) + [None]
    assert not found.get("connectgaps")


def test_rows_are_matched_by_key_in_any_order(bars):
    other = made_bars("NQ")
    features = pl.concat([made_features(other).with_columns(atr_14=-1.0), made_features(bars)[5:]])
    figure = feature_chart(bars.reverse(), features.reverse(), ["atr_14"], UNITS)
    assert list(traces(figure)["atr_14"]["y"]) == [None] * 5 + [float(row) for row in range(5, N)]
    assert list(traces(figure)["atr_14"]["x"]) == bars["ts_close"].to_list()


def test_a_gap_is_drawn_while_it_is_known_and_unfilled(bars):
    gaps = made_gaps(
        number=[1, 2, 3, 4, 5, 6],
        direction=["bullish"] * 5 + ["bearish"],
        ts_created=[at(5), at(7), at(-9), at(-9), at(8), at(6)],
        ts_filled=[at(9), None, at(2), at(-1), at(8), None],
        ts_dropped=[None, at(12), None, None, None, None],
        top=[104.0, 105.0, 106.0, 107.0, 108.0, 109.0],
    )
    gaps = pl.concat([gaps, made_gaps(ticker="NQ"), made_gaps(bar_spec="time_1h")])
    found = traces(feature_chart(bars, made_features(bars), [], UNITS, gaps=gaps))
    assert rectangles(found["bullish fair value gap"]) == [
        (at(0), at(2), 106.0, 103.0),  # known before the first bar
        (at(5), at(9), 104.0, 103.0),
        (at(7), at(12), 105.0, 103.0),  # dropped
    ]  # neither one that ended before the first bar nor one that was filled when it was known
    assert rectangles(found["bearish fair value gap"]) == [(at(6), at(N - 1), 109.0, 103.0)]
    assert found["bullish fair value gap"]["fill"] == "toself"


def test_regimes_shade_all_panels_until_the_next(bars):
    figure = feature_chart(bars, made_features(bars), ["rsi_14", "atr_14"], UNITS, regimes=made_regimes())
    shades = [(shade.name, shade.x0, shade.x1) for shade in figure.layout.shapes]
    assert sorted(shades) == [
        ("regime: range", at(9), at(N - 1)),
        ("regime: trend up", at(4), at(9)),
        ("regime: undefined", at(0), at(4)),
    ]
    assert {(shade.yref, shade.y0, shade.y1, shade.layer) for shade in figure.layout.shapes} == {
        ("paper", 0, 1, "below")
    }
    assert len({shade.fillcolor for shade in figure.layout.shapes}) == 3


def test_the_legend_names_a_regime_once(bars):
    rows = made_regimes().with_columns(regime=pl.lit("range"))
    figure = feature_chart(bars, made_features(bars), [], UNITS, regimes=rows)
    assert [shade.showlegend for shade in figure.layout.shapes] == [True, False, False]
    assert {shade.legendgroup for shade in figure.layout.shapes} == {"regime: range"}


def test_an_unknown_feature_is_refused_with_the_nearest(bars):
    with pytest.raises(UnknownNameError, match="unknown feature 'rsi_41'; did you mean 'rsi_14'"):
        feature_chart(bars, made_features(bars), ["rsi_41"], UNITS | {"rsi_41": "0..100"})
    with pytest.raises(UnknownNameError, match="unknown feature 'rsi_14'"):
        feature_chart(bars, made_features(bars), ["rsi_14"], {"atr_14": "quote"})
    with pytest.raises(UnknownNameError, match="unknown feature 'seq'"):
        feature_chart(bars, made_features(bars), ["seq"], UNITS)


def test_bars_of_two_series_are_refused(bars):
    both = pl.concat([bars, made_bars("NQ")])
    with pytest.raises(DataError, match=r"bars of 2 series .ES time_1m, NQ time_1m"):
        feature_chart(both, made_features(both), ["rsi_14"], UNITS)


def test_empty_in_empty_out():
    bars = spec(InformationBars).empty()
    found = traces(
        feature_chart(bars, made_features(made_bars()).clear(), ["rsi_14"], UNITS, made_gaps(), made_regimes())
    )
    assert not any(len(trace.get("x", ())) for trace in found.values())


def test_no_input_is_changed_and_it_can_be_written(bars):
    given = (bars, made_features(bars), made_gaps(), made_regimes())
    before = [table.clone() for table in given]
    figure = feature_chart(given[0], given[1], ["rsi_14"], UNITS, *given[2:])
    for table, kept in zip(given, before, strict=True):
        assert_frame_equal(table, kept)
    assert "2013-09-03T13:05:00" in figure.to_json()


def test_a_feature_may_have_the_name_of_a_column_of_bars(bars):
    features = made_features(bars).with_columns(vwap=pl.lit(7.0))
    found = traces(feature_chart(bars, features, ["vwap"], {"vwap": "quote"}))
    assert set(found["vwap"]["y"]) == {7.0}
