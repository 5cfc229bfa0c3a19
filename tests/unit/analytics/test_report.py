from __future__ import annotations

import base64
import json
import math
import re
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_frames import bars, chain, events_of, frame, pnl

from tsis.analytics.report import REPORT_TABLES, report_page
from tsis.analytics.report.equity import equity_figure
from tsis.analytics.report.figure import Figure, numbers, thinned, times
from tsis.analytics.report.fold_scores import fold_scores_figure
from tsis.analytics.report.markup import number
from tsis.analytics.report.price import price_figure
from tsis.analytics.report.quality import sessions_table
from tsis.tables.analytics.model_stats import ModelStats
from tsis.tables.analytics.pnl_daily import PnlDaily
from tsis.tables.governance.verdicts import Verdicts
from tsis.tables.labeling.events import Events
from tsis.tables.labeling.triple_barrier import TripleBarrier
from tsis.tables.processed_features.information_bars import InformationBars
from tsis.tables.reference.sessions import Sessions
from tsis.tables.reference.tickers_dim import TickersDim

SNAPSHOT = "3f7a9d2c" * 8
NOTE = "no data yet: run <code>tsis run</code>"
START = datetime(2013, 1, 2, tzinfo=UTC)


class Page(HTMLParser):
    """What a browser would build: tags, attributes, and the figures in their data blocks."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.figures: dict[str, dict[str, Any]] = {}
        self.text = ""
        self._chart: str | None = None
        self._tag = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        self._chart, self._tag = dict(attrs).get("data-chart"), tag

    def handle_endtag(self, tag: str) -> None:
        self._chart, self._tag = None, ""

    def handle_data(self, data: str) -> None:
        if self._chart:
            self.figures[self._chart] = json.loads(data)
        elif self._tag not in ("script", "style"):
            self.text += data


@pytest.fixture(scope="module")
def tables() -> dict[str, pl.DataFrame]:
    return chain()


@pytest.fixture(scope="module")
def text(tables: dict[str, pl.DataFrame]) -> str:
    return report_page(tables, SNAPSHOT)


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


def decoded(array: dict[str, str]) -> np.ndarray:
    return np.frombuffer(base64.b64decode(array["bdata"]), dtype=array["dtype"])


def strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for key, inner in value.items() if key != "bdata" for text in strings(inner)]
    if isinstance(value, list):
        return [text for inner in value for text in strings(inner)]
    return [value] if isinstance(value, str) else []


def no_fills() -> pl.DataFrame:
    return pl.DataFrame(
        schema={
            "ts": pl.Datetime("us", "UTC"),
            "side": pl.String,
            "adjusted_price": pl.Float64,
            "session_id": pl.String,
        }
    )


def test_every_chart_is_what_plotly_knows(page: Page) -> None:
    import plotly.graph_objects as go

    assert len(page.figures) == 15
    for figure in page.figures.values():
        coloured = re.sub(r'"@[a-z_]+"', '"#123456"', json.dumps(figure))
        go.Figure(json.loads(coloured))  # raises on an unknown attribute or a value out of its range


def test_every_theme_colour_is_declared_for_light_and_dark(text: str, page: Page) -> None:
    used = {found[1:] for figure in page.figures.values() for found in strings(figure) if found.startswith("@")}
    light, dark = text.split("@media (prefers-color-scheme: dark)")[:2]
    assert len(used) >= 12
    for name in used:
        assert f"--{name}:" in light
        assert f"--{name}:" in dark


def test_ids_are_unique_and_every_link_stays_in_the_page(page: Page) -> None:
    ids = [value for name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    assert set(page.figures) <= set(ids)
    links = [value for name, value in page.attributes if name in ("href", "src", "action", "srcset", "data")]
    assert links
    assert {link for link in links if link != "data:,"} <= {f"#{name}" for name in ids}
    policy = next(value for name, value in page.attributes if name == "content" and "default-src" in value)
    assert "default-src 'none'" in policy
    assert "http" not in policy
    assert "unsafe-eval" not in policy


def test_nothing_but_plotly_itself_and_no_figure_names_an_address(text: str) -> None:
    from plotly.offline import get_plotlyjs

    assert text.count(get_plotlyjs()) == 1
    assert not re.search("""https?:|["'(=]//""", text.replace(get_plotlyjs(), ""))


def test_equal_rows_in_another_order_give_the_same_page(tables: dict[str, pl.DataFrame], text: str) -> None:
    shuffled = {name: rows.sample(fraction=1.0, shuffle=True, seed=5) for name, rows in reversed(tables.items())}
    assert report_page(shuffled, SNAPSHOT) == text
    assert report_page(tables, "0" * 64) != text


def test_nothing_at_all_leaves_a_note_in_every_section() -> None:
    empty = report_page({}, "none")
    assert not Page(empty).figures
    sections = re.findall(r'<section id="([a-z]+)">(.*?)</section>', empty)
    assert [name for name, _ in sections] == ["verdicts", "strategies", "series", "labels", "decisions", "quality"]
    assert all(NOTE in content for _, content in sections)


@pytest.mark.parametrize("name", REPORT_TABLES)
def test_one_empty_table_leaves_the_rest(name: str, tables: dict[str, pl.DataFrame], page: Page) -> None:
    part = Page(report_page(tables | {name: tables[name].clear()}, SNAPSHOT))
    gone = {
        "processed_features.information_bars": "price",
        "analytics.pnl_daily": "equity",
        "analytics.feature_importance": "importance",
        "analytics.model_stats": "folds",
        "labeling.triple_barrier": "label",
        "governance.runs": "rows",
    }.get(name)
    assert set(part.figures) == {chart for chart in page.figures if gone is None or not chart.startswith(gone)} | (
        {"price-4"} if name == "labeling.events" else set()
    )


HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)><a href='javascript:alert(3)'>&\"'@ink%{x}"


def test_text_from_data_stays_text(tables: dict[str, pl.DataFrame], page: Page) -> None:
    def poisoned(rows: pl.DataFrame) -> pl.DataFrame:
        kept = {"action", "side", "barrier", "split", "method", "origin", "status", "raw_table", "type", "kind"}
        named = [name for name, dtype in rows.schema.items() if dtype == pl.String and name not in kept]
        return rows.with_columns(pl.col(named) + HOSTILE)

    hostile = Page(report_page({name: poisoned(rows) for name, rows in tables.items()}, HOSTILE))
    assert hostile.tags == page.tags
    assert {name for name, _ in hostile.attributes} == {name for name, _ in page.attributes}
    shown = [found for figure in hostile.figures.values() for found in strings(figure)]
    assert any("alert(1)" in found for found in shown), "the charts show no name from the data: nothing was tested"
    assert not [found for found in shown if re.search("<(?!/?b>|br>|extra>|/extra>)", found)]
    assert hostile.text.count("alert(1)") > 50


def test_a_figure_can_not_end_its_own_data_block() -> None:
    block = Figure("a", '"><b>', "", [{"name": "</script><!--"}], {}, 100).block()
    assert Page(block).figures["a"]["data"] == [{"name": "</script><!--"}]
    assert Page(block).tags == ["figure", "div", "script", "figcaption"]


def test_the_page_stays_light_with_many_long_series(tables: dict[str, pl.DataFrame]) -> None:
    series = [
        bars(f"T{k:02}", "time_1m", START, timedelta(microseconds=60_000_001), 9_000, 50.0 + k, k) for k in range(14)
    ]
    found = [events_of(one, 9, k) for k, one in enumerate(series)]
    many = {
        "processed_features.information_bars": pl.concat(series),
        "labeling.events": pl.concat([events for events, _ in found]),
        "labeling.triple_barrier": pl.concat([labels for _, labels in found]),
        "analytics.pnl_daily": pl.concat([pnl(f"s{k:02}", date(2000, 1, 3), 4_000, 0.0, k) for k in range(14)]),
    }
    heavy = report_page(many, SNAPSHOT)
    assert len(heavy.encode()) < 8_000_000
    assert len([name for name in Page(heavy).figures if name.startswith("price")]) == 12
    assert "Charts of the first 12 of 14 series with events" in heavy


@given(
    values=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=400),
    n_most=st.integers(4, 60),
)
def test_thinning_keeps_order_ends_and_extremes(values: list[float], n_most: int) -> None:
    rows = pl.DataFrame({"at": range(len(values)), "close": values})
    kept = thinned(rows, "close", n_most)
    assert kept.height <= max(n_most, 0)
    assert kept["at"].is_sorted()
    assert kept["at"].n_unique() == kept.height
    assert kept.join(rows, on=["at", "close"]).height == kept.height
    assert (kept["at"][0], kept["at"][-1]) == (0, len(values) - 1)
    assert (kept["close"].min(), kept["close"].max()) == (min(values), max(values))


def test_numbers_and_times_survive_the_encoding() -> None:
    values = decoded(numbers(pl.Series([1.5, None, -2.0])))
    assert values[[0, 2]].tolist() == [1.5, -2.0]
    assert math.isnan(values[1])
    moment = datetime(2013, 9, 3, 14, 30, 0, 500, tzinfo=UTC)
    shown = times(pl.Series([moment, START, START + timedelta(minutes=5)], dtype=pl.Datetime("us", "UTC")))
    assert shown == ["2013-09-03 14:30:00.000500", "2013-01-02", "2013-01-02 00:05"]
    assert times(pl.Series([date(1970, 1, 2)])) == ["1970-01-02"]


@pytest.mark.parametrize(
    ("value", "decimals", "scale", "shown"),
    [
        (1234.5, 2, 1, "1,234.50"),
        (-0.081, 1, 100, "−8.1"),
        (-0.0001, 2, 1, "0.00"),
        (None, 2, 1, "–"),
        (float("nan"), 2, 1, "–"),
        (0, 0, 1, "0"),
    ],
)
def test_numbers_in_words(value: float | None, decimals: int, scale: float, shown: str) -> None:
    assert number(value, decimals, scale) == shown


def drawdown_pct(figure: Figure) -> list[float]:
    return [round(value, 9) for value in decoded(figure.traces[1]["y"])]


def test_drawdown_counts_from_the_start_of_the_first_day() -> None:
    days = [date(2013, 1, 2) + timedelta(days=k) for k in range(4)]
    rows = frame(
        PnlDaily,
        session_id="backtest:a",
        origin="backtest",
        strategy_id="a",
        date=days,
        equity=[90.0, 110.0, 99.0, 121.0],
        pnl=[-10.0, 20.0, -11.0, 22.0],
    )
    assert drawdown_pct(equity_figure("e", "a", rows)) == [-10.0, 0.0, -10.0, 0.0]


def test_one_day_of_equity_is_told_not_drawn(tables: dict[str, pl.DataFrame]) -> None:
    first = tables["analytics.pnl_daily"].filter(pl.col("strategy_id") == "es_dollar").head(1)
    one = Page(report_page({"analytics.pnl_daily": first}, SNAPSHOT))
    assert not one.figures
    assert "one day (2006-01-02), too few for a chart" in one.text


def test_barriers_lie_on_the_side_of_the_event() -> None:
    series = bars("ES", "time_1m", START, timedelta(minutes=1), 30, 100.0, 1)
    series = series.with_columns(pl.lit(100.0).alias("close"))
    at = series["ts_close"].to_list()
    shared = {"ticker": "ES", "bar_spec": "time_1m", "seq": 0, "t0": [at[3], at[9], at[15]]}
    events = frame(Events, **shared, kind="cusum", side=[1, -1, None], target=0.01)
    labels = frame(
        TripleBarrier,
        **shared,
        t1=[at[5], at[12], at[20]],
        label=[1, -1, 0],
        barrier=["profit_taking", "stop_loss", "vertical"],
        pt=[2.0, 2.0, 0.0],
        sl=[1.0, 1.0, 1.0],
    )
    figure = price_figure("p", series, events, labels, no_fills())
    boxes = {box["name"]: box for box in figure.layout["shapes"] if "name" in box}
    edges = {name: (round(box["y0"], 9), round(box["y1"], 9)) for name, box in boxes.items()}
    assert edges == {
        "profit taking first": (99.0, 102.0),
        "stop loss first": (101.0, 98.0),
        "time ran out first": (99.0, 100.0),
    }
    assert [trace["name"] for trace in figure.traces] == [
        "close",
        "event, long",
        "event, short",
        "event, no side",
        "close",
    ]
    assert boxes["stop loss first"]["x0"] == times(pl.Series(at[9:10]))[0] == "2013-01-02 00:10"


def test_only_the_last_60_labelled_events_get_boxes_and_the_caption_says_what_was_thinned() -> None:
    series = bars("ES", "time_1m", START, timedelta(minutes=1), 9_000, 100.0, 1)
    events, labels = events_of(series, 90, 1)
    figure = price_figure("p", series, events, labels, no_fills())
    boxes = [box for box in figure.layout["shapes"] if "name" in box]
    assert labels.height > 60
    assert sorted(box["x0"] for box in boxes) == times(labels.sort("t0")["t0"].tail(60))
    assert sum(box["showlegend"] for box in boxes) == len({box["name"] for box in boxes})
    lines = [trace for trace in figure.traces if trace["name"] == "close"]
    assert sum(decoded(line["y"]).size for line in lines) <= 4_000
    assert f"the last 60 of {labels.height:,} labelled events" in figure.caption
    assert f"{decoded(lines[1]['y']).size:,} of 9,000 below" in figure.caption


def test_a_score_stands_beside_the_one_without_skill() -> None:
    rows = frame(
        ModelStats, model="m", split="cv", fold=[0, 1], base_rate_frac=[0.5, 0.1], auc=[0.6, None], log_loss=[0.6, 0.4]
    )
    figure = fold_scores_figure("f", "m", rows)
    unskilled = decoded(figure.traces[2]["y"])
    assert unskilled == pytest.approx([math.log(2), -0.1 * math.log(0.1) - 0.9 * math.log(0.9)])
    auc = decoded(figure.traces[1]["y"])
    assert auc[0] == 0.6
    assert math.isnan(auc[1])


def test_a_session_without_bars_is_named() -> None:
    days = [date(2013, 1, 7) + timedelta(days=k) for k in range(5)]
    at = [datetime(day.year, day.month, day.day, tzinfo=UTC) for day in days]
    opened, closed = [t + timedelta(hours=14, minutes=30) for t in at], [t + timedelta(hours=21) for t in at]
    sessions = frame(Sessions, exchange="XNYS", session=days, open=opened, close=closed)
    tickers = frame(TickersDim, ticker=["IBM"], exchange="XNYS", asset_class="equity")
    held = [0, 1, 3, 4]
    by_day = frame(
        InformationBars,
        ticker="IBM",
        ts_open=[opened[k] for k in held],
        ts_close=[closed[k] for k in held],
        raw_table="raw.trades",
    )
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", sessions_table(by_day, sessions, tickers))
    assert cells == ["IBM", "XNYS", "2013-01-09", "5", "4", "1"]
    assert NOTE in sessions_table(by_day, sessions.clear(), tickers)


def test_the_verdict_is_the_newest_and_is_told_in_words(tables: dict[str, pl.DataFrame]) -> None:
    rows = frame(
        Verdicts,
        strategy_id=["us_daily"] * 2,
        run_id=["a", "b"],
        verdict=["edge shown: DSR 0.97", "no edge shown: DSR 0.31"],
        is_edge_shown=[True, False],
        dsr_frac=[0.97, 0.31],
        judged_at=[START, START + timedelta(days=1)],
    )
    told = Page(report_page(tables | {"governance.verdicts": rows}, SNAPSHOT)).text
    assert "no edge shown: DSR 0.31" in told
    assert "DSR 0.97" not in told
    assert "None of 3 strategies shows an edge." in told
    assert told.count("Not judged yet") == 2
    assert SNAPSHOT in told


def test_rows_set_aside_and_rows_by_table_are_told(tables: dict[str, pl.DataFrame]) -> None:
    told = Page(report_page(tables | {"raw.trades": pl.DataFrame({"seq": range(4321)})}, SNAPSHOT)).text
    assert "137" in told
    assert "raw.trades" in told
    assert "4,321" in told
