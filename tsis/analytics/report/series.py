"""Section: every series of bars, its events and what became of them."""

from __future__ import annotations

import html
from collections.abc import Mapping

import polars as pl

from tsis.analytics.report.figure import left_out, no_data
from tsis.analytics.report.markup import moment, number, table
from tsis.analytics.report.price import price_figure


def series_section(given: Mapping[str, pl.DataFrame], n_charted: int) -> str:
    """Return the table of all series, and price charts of the first `n_charted` of those that have events.

    Where no series has events, the first of all are charted.
    """
    bars, events = given["processed_features.information_bars"], given["labeling.events"]
    labels = given["labeling.triple_barrier"]
    if bars.is_empty():
        return no_data("Series")
    key = ["ticker", "bar_spec"]
    listed = (
        bars.group_by(key)
        .agg(pl.len().alias("n_bars"), pl.col("ts_close").min().alias("first"), pl.col("ts_close").max().alias("last"))
        .join(events.group_by(key).agg(pl.len().alias("n_events")), on=key, how="left")
        .join(labels.group_by(key).agg(pl.len().alias("n_labels")), on=key, how="left")
        .sort(key)
    )
    chosen = listed.filter(pl.col("n_events").is_not_null()) if events.height else listed
    fills = _fills_by_series(given)
    charts = []
    for place, (ticker, bar_spec) in enumerate(chosen.select(key).head(n_charted).iter_rows()):
        own = (pl.col("ticker") == ticker) & (pl.col("bar_spec") == bar_spec)
        figure = price_figure(f"price-{place}", *(frame.filter(own) for frame in (bars, events, labels, fills)))
        charts.append(f"<h3>{html.escape(ticker)} <small>{html.escape(bar_spec)}</small></h3>{figure.block()}")
    rows = [
        [row["ticker"], row["bar_spec"], moment(row["first"]), moment(row["last"])]
        + [number(row[name] or 0, 0) for name in ("n_bars", "n_events", "n_labels")]
        for row in listed.iter_rows(named=True)
    ]
    head = ["Ticker", "Bars", "First close (UTC)", "Last close (UTC)", "Rows", "Events", "Labels"]
    what = "series with events" if events.height else "series"
    return table(head, rows, n_text=4) + "".join(charts) + left_out(what, chosen.height, n_charted)


def _fills_by_series(given: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Return fills with the bar_spec of the signal behind their order, at the price that bars are in."""
    decided = given["signals.signals_history"].select("session_id", "signal_id", "bar_spec").unique()
    ordered = given["execution.orders_log"].select("session_id", "order_id", "signal_id")
    return (
        given["execution.fills_log"]
        .join(ordered.join(decided, on=["session_id", "signal_id"]), on=["session_id", "order_id"])
        .select(
            "ticker", "bar_spec", "ts", "side", (pl.col("price") * pl.col("price_factor")).alias("adjusted_price"),
            "session_id", "fill_id",
        )
        .sort("ts", "session_id", "fill_id")
    )  # fmt: skip
