"""Data quality: what ran, what was set aside, how many rows there are, which sessions are missing."""

from __future__ import annotations

import math
from collections.abc import Mapping

import polars as pl

from tsis.analytics.report.figure import Figure, axis, layout, no_data, numbers, texts, title
from tsis.analytics.report.markup import moment, number, table


def latest_runs(runs: pl.DataFrame) -> pl.DataFrame:
    """Return the last execution of each stage, in the order of their beginning."""
    return runs.sort("started_at", "run_id").unique("stage", keep="last", maintain_order=True)


def runs_figure(name: str, runs: pl.DataFrame) -> Figure:
    """Return rows returned and rows set aside by stage, on a logarithmic axis (a stage without rows has no bar)."""
    latest = latest_runs(runs).reverse()
    n_most = max(10, *latest["rows_in"], *latest["rows_out"])
    traces = [
        {
            "type": "bar",
            "orientation": "h",
            "name": words,
            "x": numbers(latest[column].replace(0, None)),
            "y": texts(latest["stage"]),
            "marker": {"color": colour},
            "hovertemplate": f"%{{y}}<br>{words}: %{{x:,}} rows<extra></extra>",
        }
        for column, words, colour in (
            ("rows_quarantined", "set aside", "@loss"),
            ("rows_out", "returned", "@blue"),
            ("rows_in", "read", "@neutral"),
        )
    ]
    return Figure(
        name=name,
        label="Rows read, returned and set aside by stage",
        caption=f"The last execution of each of {latest.height} stages; logarithmic. Rows set aside broke their "
        "table’s contract and lie in the quarantine of the lake with their reason.",
        traces=traces,
        layout=layout(
            xaxis=axis(type="log", range=[-0.1, 0.1 + math.log10(n_most)], title="Rows", tickformat=",.0f", dtick=1),
            yaxis=axis(type="category", showgrid=False, ticks="", dtick=1),
            annotations=[title("Rows by stage", 0, 1.02)],
            legend={
                "orientation": "h",
                "x": 1,
                "xanchor": "right",
                "y": 1,
                "yanchor": "bottom",
                "traceorder": "reversed",
            },
            bargap=0.3,
        ),
        height_px=130 + 34 * latest.height,
    )


def runs_table(runs: pl.DataFrame) -> str:
    """Return the last execution of each stage: how it ended, rows, time, memory."""
    latest = latest_runs(runs)
    has_errors = latest["error"].null_count() < latest.height
    texts = ["Stage", "Status", "Began (UTC)"] + (["Error"] if has_errors else [])
    rows = [
        [row["stage"], row["status"], moment(row["started_at"])]
        + ([row["error"] or "–"] if has_errors else [])
        + [number(row[name], 0) for name in ("rows_in", "rows_out", "rows_quarantined")]
        + [number(row[name], 2) for name in ("seconds", "compile_s")]
        + [number(row["peak_memory_bytes"], 0, 1e-6)]
        for row in latest.iter_rows(named=True)
    ]
    figures = ["Rows read", "Returned", "Set aside", "Seconds", "of it compiling", "Peak memory, MB"]
    return table(texts + figures, rows, n_text=len(texts))


def rows_by_table(tables: Mapping[str, pl.DataFrame], descriptions: Mapping[str, str]) -> str:
    """Return how many rows each table that was given has."""
    rows = [[name, descriptions.get(name, "–"), number(frame.height, 0)] for name, frame in sorted(tables.items())]
    return table(["Table", "What it holds", "Rows"], rows, n_text=2)


def sessions_table(bars: pl.DataFrame, sessions: pl.DataFrame, tickers_dim: pl.DataFrame) -> str:
    """Return by ticker, the worst first, how many of its exchange's sessions have no bar at all.

    They are counted from its first to its last bar.
    A bar belongs to the session with open ≤ ts_open < close, or open < ts_close ≤ close.
    """
    if bars.is_empty() or sessions.is_empty() or tickers_dim.is_empty():
        return no_data("Missing sessions")
    exchange = tickers_dim.sort("valid_from", "known_at").unique("ticker", keep="last", maintain_order=True)
    listed = bars.select("ticker", "ts_open", "ts_close").join(exchange.select("ticker", "exchange"), on="ticker")
    opened = sessions.select("exchange", "session", "open", "close").sort("open")
    inside = [
        listed.select("ticker", "exchange", pl.col(time).alias("at"))
        .sort("at")
        .join_asof(
            opened, left_on="at", right_on="open", by="exchange", check_sortedness=False, allow_exact_matches=exact
        )
        .filter((pl.col("at") < pl.col("close")) | ((pl.col("at") == pl.col("close")) & pl.lit(not exact)))
        .select("ticker", "exchange", "session")
        for time, exact in (("ts_open", True), ("ts_close", False))
    ]
    held = pl.concat(inside).unique().sort("ticker", "session")
    counted = [_sessions_of(ticker, held, opened) for ticker in held["ticker"].unique(maintain_order=True)]
    rows = [cells for _, cells in sorted(counted, key=lambda found: (-found[0], found[1]))]
    head = ["Ticker", "Exchange", "First missing sessions", "Sessions", "With bars", "Missing"]
    return table(head, rows, n_text=3) if rows else no_data("Missing sessions")


def _sessions_of(ticker: str, held: pl.DataFrame, opened: pl.DataFrame) -> tuple[int, list[str]]:
    """Return how many are missing, and the cells of the row."""
    found = held.filter(pl.col("ticker") == ticker)
    first, last = found["session"][0], found["session"][-1]
    due = opened.filter(pl.col("exchange") == found["exchange"][0], pl.col("session").is_between(first, last)).sort(
        "session"
    )
    missing = due.filter(~pl.col("session").is_in(found["session"].implode()))["session"]
    named = ", ".join(str(day) for day in missing.head(5)) or "none"
    cells = [
        ticker,
        str(found["exchange"][0]),
        named + (" …" if missing.len() > 5 else ""),
        number(due.height, 0),
        number(found.height, 0),
        number(missing.len(), 0),
    ]
    return missing.len(), cells
