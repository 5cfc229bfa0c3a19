"""The report as one HTML page that needs nothing but itself."""

from __future__ import annotations

import html
from collections.abc import Mapping

import polars as pl

from tsis.analytics.report.equity import equity_figure
from tsis.analytics.report.figure import left_out, no_data
from tsis.analytics.report.fold_scores import fold_scores_figure
from tsis.analytics.report.importance import importance_figure
from tsis.analytics.report.label_balance import label_balance_figure
from tsis.analytics.report.markup import moment, number, table
from tsis.analytics.report.quality import rows_by_table, runs_figure, runs_table, sessions_table
from tsis.analytics.report.series import series_section
from tsis.analytics.report.strategies import latest_verdicts, strategy_table, verdict_cards
from tsis.analytics.report.theme import SCRIPT, STYLE
from tsis.core.table import Table, spec
from tsis.tables.analytics.feature_importance import FeatureImportance
from tsis.tables.analytics.model_stats import ModelStats
from tsis.tables.analytics.pnl_daily import PnlDaily
from tsis.tables.analytics.strategy_stats import StrategyStats
from tsis.tables.execution.fills_log import FillsLog
from tsis.tables.execution.orders_log import OrdersLog
from tsis.tables.governance.runs import Runs
from tsis.tables.governance.verdicts import Verdicts
from tsis.tables.labeling.events import Events
from tsis.tables.labeling.triple_barrier import TripleBarrier
from tsis.tables.processed_features.information_bars import InformationBars
from tsis.tables.reference.sessions import Sessions
from tsis.tables.reference.tickers_dim import TickersDim
from tsis.tables.signals.signals_history import SignalsHistory

_READ: tuple[type[Table], ...] = (
    FeatureImportance, ModelStats, PnlDaily, StrategyStats, FillsLog, OrdersLog, Runs, Verdicts, Events, TripleBarrier,
    InformationBars, Sessions, TickersDim, SignalsHistory,
)  # fmt: skip
REPORT_TABLES: tuple[str, ...] = tuple(sorted(spec(table).name for table in _READ))
"""The tables whose content the page shows; of any other that it is given it only counts the rows."""
_N_CHARTED = 12
_POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"  # noqa: E501
_SECTIONS = (
    ("verdicts", "Verdicts"),
    ("strategies", "Strategies and models"),
    ("series", "Series"),
    ("labels", "Labels"),
    ("decisions", "Decisions"),
    ("quality", "Data quality"),
)


def report_page(tables: Mapping[str, pl.DataFrame], generated_for: str) -> str:
    """Return the report as one self-contained page: no request leaves it, and equal inputs give equal text.

    Parameters
    ----------
    tables : frames by ``zone.table``, as their contracts have them; see `REPORT_TABLES`. An empty or absent one leaves
        a note in its place. Frames of other tables are counted only, so one column of them is enough.
    generated_for : id of the lake's snapshot that the frames were read from.

    Notes
    -----
    Charts are drawn of at most 12 strategies and 12 series, each thinned to at most 4,000 bars, and tables end after
    200 rows, so that the page stays below 8 MB (4.8 MB of it is plotly.js). Times are UTC. Text from data is escaped.
    """
    from plotly.offline import get_plotlyjs  # noqa: PLC0415

    given = {spec(table).name: tables.get(spec(table).name, spec(table).empty()) for table in _READ}
    strategies = _strategies(given)
    body = {
        "verdicts": _verdicts(given, strategies),
        "strategies": "".join(_strategy(number, name, given) for number, name in enumerate(strategies[:_N_CHARTED]))
        + left_out("strategies", len(strategies), _N_CHARTED)
        or no_data("Strategies and models"),
        "series": series_section(given, _N_CHARTED),
        "labels": _labels(given),
        "decisions": _decisions(given["signals.signals_history"]),
        "quality": _quality(tables, given),
    }
    sections = "".join(f'<section id="{name}"><h2>{words}</h2>{body[name]}</section>' for name, words in _SECTIONS)
    links = "".join(f'<a href="#{name}">{words}</a>' for name, words in _SECTIONS)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>TSIS research report</title><link rel="icon" href="data:,"><style>{STYLE}</style></head><body>'
        f'{_header(given, strategies, generated_for)}<nav aria-label="Sections">{links}</nav><main>{sections}</main>'
        "<footer>One self-contained page: it loads nothing and sends nothing. All times are UTC.</footer>"
        f"<script>{get_plotlyjs()}</script><script>{SCRIPT}</script></body></html>\n"
    )


def _strategies(given: Mapping[str, pl.DataFrame]) -> list[str]:
    columns = (
        ("governance.verdicts", "strategy_id"), ("analytics.strategy_stats", "strategy_id"),
        ("analytics.pnl_daily", "strategy_id"), ("analytics.model_stats", "model"),
        ("analytics.feature_importance", "model"),
    )  # fmt: skip
    return sorted({str(name) for table, column in columns for name in given[table][column].unique()})


def _header(given: Mapping[str, pl.DataFrame], strategies: list[str], generated_for: str) -> str:
    verdicts, bars = given["governance.verdicts"], given["processed_features.information_bars"]
    shown = sum(bool(row["is_edge_shown"]) for row in latest_verdicts(verdicts).values())
    if verdicts.is_empty():
        lead = "No strategy has been judged yet: run <code>tsis run</code>."
    else:
        noun, verb = "strategy" if len(strategies) == 1 else "strategies", "show" if shown > 1 else "shows"
        lead = f"{shown or 'None'} of {len(strategies)} {noun} {verb} an edge."
    span = "No bars yet."
    if bars.height:
        first, last = bars.select(pl.col("ts_open").min(), pl.col("ts_close").max()).row(0)
        span = f"{bars.height:,} bars of {bars['ticker'].n_unique():,} tickers, {moment(first)} to {moment(last)} UTC."
    return (
        f'<header><h1>TSIS research report</h1><p class="lead">{lead}</p>'
        f'<p class="facts">{span}<br>Lake snapshot <code>{html.escape(generated_for)}</code></p>'
        "<noscript><p>The charts need JavaScript; the tables do not.</p></noscript></header>"
    )


def _verdicts(given: Mapping[str, pl.DataFrame], strategies: list[str]) -> str:
    verdicts, stats = latest_verdicts(given["governance.verdicts"]), given["analytics.strategy_stats"]
    return verdict_cards(strategies, verdicts, stats) + strategy_table(stats, verdicts, given["execution.fills_log"])


def _strategy(place: int, strategy: str, given: Mapping[str, pl.DataFrame]) -> str:
    pnl = given["analytics.pnl_daily"].filter(pl.col("strategy_id") == strategy)
    importance = given["analytics.feature_importance"].filter(pl.col("model") == strategy)
    scores = given["analytics.model_stats"].filter(pl.col("model") == strategy)
    if pnl["date"].n_unique() == 1:
        equity = f'<p class="empty">Equity and drawdown: one day ({pnl["date"][0]}), too few for a chart</p>'
    else:
        equity = (
            equity_figure(f"equity-{place}", strategy, pnl).block() if pnl.height else no_data("Equity and drawdown")
        )
    pair = [
        importance_figure(f"importance-{place}", strategy, importance).block() if importance.height else no_data("Feature importance"),  # noqa: E501
        fold_scores_figure(f"folds-{place}", strategy, scores).block() if scores.height else no_data("Fold scores"),
    ]  # fmt: skip
    return f'<h3>{html.escape(strategy)}</h3>{equity}<div class="pair">{"".join(pair)}</div>'


def _labels(given: Mapping[str, pl.DataFrame]) -> str:
    labels = given["labeling.triple_barrier"]
    return label_balance_figure("label-balance", labels).block() if labels.height else no_data("Labels")


def _decisions(signals: pl.DataFrame) -> str:
    if signals.is_empty():
        return no_data("Decisions")
    counted = (
        signals.group_by("session_id", "model", "action", "reason")
        .agg(pl.len().alias("n"))
        .sort(["model", "session_id", "action", "n", "reason"], descending=[False, False, False, True, False])
        .group_by("session_id", "model", "action", maintain_order=True)
        .head(5)
    )
    rows = [
        [row["model"], row["session_id"], row["action"], row["reason"] or "–", number(row["n"], 0)]
        for row in counted.iter_rows(named=True)
    ]
    return (
        table(["Model", "Session", "Decision", "Reason", "Count"], rows, n_text=4)
        + '<p class="note">The five most frequent reasons of each kind of decision.</p>'
    )


def _quality(tables: Mapping[str, pl.DataFrame], given: Mapping[str, pl.DataFrame]) -> str:
    runs = given["governance.runs"]
    descriptions = {spec(table).name: spec(table).description for table in _READ}
    bars, sessions, tickers = (
        given[name] for name in ("processed_features.information_bars", "reference.sessions", "reference.tickers_dim")
    )
    return (
        (runs_figure("rows-by-stage", runs).block() + runs_table(runs) if runs.height else no_data("Rows by stage"))
        + "<h3>Missing sessions</h3>"
        + sessions_table(bars, sessions, tickers)
        + "<h3>Rows by table</h3>"
        + (rows_by_table(tables, descriptions) if tables else no_data("Rows by table"))
    )
