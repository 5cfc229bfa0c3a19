"""One strategy on one page: figures, equity, months, drawdowns."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

import polars as pl

from tsis.analytics.drawdowns import drawdowns
from tsis.analytics.report.equity import equity_figure
from tsis.analytics.report.figure import no_data
from tsis.analytics.report.markup import number, table
from tsis.analytics.report.strategies import strategy_table
from tsis.analytics.report.theme import SCRIPT, STYLE

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_N_DRAWDOWNS = 5
_POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:"


def tear_sheet(
    pnl_daily: pl.DataFrame,
    strategy_stats: pl.DataFrame,
    fills_log: pl.DataFrame,
    verdicts: Mapping[str, Mapping[str, Any]] | None = None,
) -> str:
    """Return the page of one strategy, which loads nothing and sends nothing.

    Parameters
    ----------
    pnl_daily, strategy_stats, fills_log : rows of the tables of these names, of one strategy and session.
    verdicts : the last verdict by strategy, for the deflated Sharpe ratio; without, it is shown as undefined.
    """
    from plotly.offline import get_plotlyjs  # noqa: PLC0415

    name = str(strategy_stats["strategy_id"][0]) if strategy_stats.height else "strategy"
    if pnl_daily.height < 2:
        body = no_data("Tear sheet")
    else:
        days = pnl_daily.sort("date")
        body = (
            f"<section>{equity_figure('equity', name, days).block()}</section>"
            f"<section><h2>Figures</h2>{strategy_table(strategy_stats, verdicts or {}, fills_log)}</section>"
            f"<section><h2>Months</h2>{_months(days)}</section><section><h2>Drawdowns</h2>{_drawdowns(days)}</section>"
        )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f"<title>{html.escape(name)}</title><style>{STYLE}</style></head><body>"
        f"<header><h1>{html.escape(name)}</h1></header><main>{body}</main>"
        f"<script>{get_plotlyjs()}</script><script>{SCRIPT}</script></body></html>\n"
    )


def monthly_returns(pnl_daily: pl.DataFrame) -> pl.DataFrame:
    """Return ``year, month, ret_frac``: the daily returns of each calendar month, compounded."""
    return (
        pnl_daily.sort("date")
        .group_by(pl.col("date").dt.year().alias("year"), pl.col("date").dt.month().alias("month"), maintain_order=True)
        .agg(((1.0 + pl.col("ret_frac")).product() - 1.0).alias("ret_frac"))
    )


def _months(days: pl.DataFrame) -> str:
    found = {(year, month): ret for year, month, ret in monthly_returns(days).iter_rows()}
    rows = []
    for year in sorted({year for year, _ in found}):
        months = [found.get((year, month)) for month in range(1, 13)]
        whole = 1.0
        for ret in months:
            whole *= 1.0 + (ret or 0.0)
        rows.append([str(year), *(number(ret, 1, 100) for ret in months), number(whole - 1.0, 1, 100)])
    return table(["%", *_MONTHS, "Year"], rows)


def _drawdowns(days: pl.DataFrame) -> str:
    first = days.head(1).select(pl.col("date"), (pl.col("equity") - pl.col("pnl")).alias("equity"))
    found = drawdowns(pl.concat([first, days.select("date", "equity")])).head(_N_DRAWDOWNS)
    rows = [
        [str(row["began"]), str(row["lowest"]), str(row["ended"] or "–"), number(row["depth_frac"], 2, 100),
         number(row["n_periods"], 0)]
        for row in found.iter_rows(named=True)
    ]  # fmt: skip
    return table(["Peak", "Lowest", "Peak again", "Depth, %", "Days"], rows, n_text=3)
