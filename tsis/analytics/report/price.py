"""Chart: the price of a series, its events, and what became of the last of them."""

from __future__ import annotations

import html
from datetime import datetime

import polars as pl

from tsis.analytics.report.figure import Figure, Json, axis, layout, numbers, texts, thinned, times, title
from tsis.analytics.report.markup import moment

_KEY = ["ticker", "bar_spec", "t0", "seq"]
_N_LABELLED = 60
_N_DETAIL, _N_OVERVIEW, _N_EVENTS = 2_500, 1_500, 200
_SIDES = ((1, "event, long", "triangle-up", "@blue"), (-1, "event, short", "triangle-down", "@orange"))
_OUTCOMES = (
    ("profit_taking", "profit taking first", "gain"),
    ("stop_loss", "stop loss first", "loss"),
    ("vertical", "time ran out first", "neutral"),
)


def price_figure(
    name: str, bars: pl.DataFrame, events: pl.DataFrame, triple_barrier: pl.DataFrame, fills: pl.DataFrame
) -> Figure:
    """Return the last labelled events with their barriers (above) and the whole history (below) of one series.

    Parameters
    ----------
    name : id of the chart.
    bars : rows of `information_bars` of one ticker and bar_spec, at least one.
    events, triple_barrier : theirs; may be empty.
    fills : ts, side, adjusted price, session_id of the fills on this series; may be empty.
    """
    ticker, bar_spec = bars["ticker"][0], bars["bar_spec"][0]
    bars = bars.sort("ts_close", "seq")
    prices = bars.select(pl.col("ts_close").alias("t0"), "seq", "close")
    outcomes = events.join(triple_barrier, on=_KEY, how="left").join(prices, on=["t0", "seq"]).sort("t0", "seq")
    labelled = outcomes.filter(pl.col("label").is_not_null()).tail(_N_LABELLED)
    start, end = _window(bars, outcomes, labelled)
    window = bars.filter(pl.col("ts_close").is_between(start, end))
    detail, overview = thinned(window, "close", _N_DETAIL), thinned(bars, "close", _N_OVERVIEW)
    recent = outcomes.filter(pl.col("t0").is_between(start, end)).tail(_N_EVENTS)
    traces = [
        _line(detail, "", 1.3),
        *_markers(recent),
        *_fills(fills.filter(pl.col("ts").is_between(start, end)).tail(_N_EVENTS)),
        _line(overview, "2", 1.0),
    ]
    boxes = _barriers(labelled)
    edges = [edge for box in boxes for edge in (box["y0"], box["y1"])]
    lowest, highest = min(*window["close"], *edges), max(*window["close"], *edges)
    room = 0.04 * (highest - lowest)
    edge_times = times(pl.Series([start, end], dtype=pl.Datetime("us", "UTC")))
    shade = {
        "type": "rect", "xref": "x2", "yref": "y2 domain", "y0": 0, "y1": 1, "line": {"width": 0},
        "fillcolor": "@shade", "x0": edge_times[0], "x1": edge_times[1], "layer": "below",
    }  # fmt: skip
    return Figure(
        name=name,
        label=f"Price, events and barriers of {ticker} {bar_spec}",
        caption=_caption(bars, window, detail, overview, outcomes, labelled),
        traces=traces,
        layout=layout(
            xaxis=axis(type="date", range=edge_times, showgrid=False),
            yaxis=axis(
                domain=[0.37, 1],
                title="Adjusted close, quote",
                range=[lowest - room, highest + room],
                tickformat=",.6~g",
            ),
            xaxis2=axis(type="date", anchor="y2", showgrid=False),
            yaxis2=axis(domain=[0, 0.2], anchor="x2", nticks=3, tickformat=",.6~g"),
            annotations=[title("All of its history; the window above is shaded", 0, 0.215)],
            shapes=[*boxes, shade],
            margin={"l": 64, "r": 16, "t": 32, "b": 32},
        ),
        height_px=480,
    )


def _window(bars: pl.DataFrame, outcomes: pl.DataFrame, labelled: pl.DataFrame) -> tuple[datetime, datetime]:
    shown = labelled if labelled.height else outcomes.tail(_N_LABELLED)
    first, last = bars["ts_close"][0], bars["ts_close"][-1]
    if shown.is_empty():
        return first, last
    start = shown["t0"][0]
    end = max(moment for moment in (labelled["t1"].max(), outcomes["t0"][-1]) if isinstance(moment, datetime))
    margin = (end - start) * 0.03
    return max(first, start - margin), max(min(last, end + margin), end)


def _line(bars: pl.DataFrame, suffix: str, width_px: float) -> Json:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": "close",
        "x": times(bars["ts_close"]),
        "y": numbers(bars["close"]),
        "xaxis": f"x{suffix}",
        "yaxis": f"y{suffix}",
        "line": {"color": "@price", "width": width_px},
        "showlegend": not suffix,
        "hovertemplate": "%{x|%Y-%m-%d %H:%M:%S} UTC<br>adjusted close %{y:,.7~g} quote<extra></extra>",
    }


def _barriers(labelled: pl.DataFrame) -> list[Json]:
    """One rectangle an event; the legend names each outcome once and hides all of its rectangles together."""
    side = pl.col("side").fill_null(1)
    edges = labelled.with_columns(
        (pl.col("close") * (1.0 + side * pl.col("pt") * pl.col("target"))).alias("target_price"),
        (pl.col("close") * (1.0 - side * pl.col("sl") * pl.col("target"))).alias("stop_price"),
    )
    shapes: list[Json] = []
    for barrier, words, colour in _OUTCOMES:
        rows = edges.filter(pl.col("barrier") == barrier)
        corners = zip(times(rows["t0"]), times(rows["t1"]), rows["target_price"], rows["stop_price"], strict=True)
        for place, (t0, t1, target_price, stop_price) in enumerate(corners):
            shapes.append(
                {
                    "type": "rect",
                    "x0": t0,
                    "x1": t1,
                    "y0": stop_price,
                    "y1": target_price,
                    "layer": "below",
                    "fillcolor": f"@{colour}_fill",
                    "line": {"color": f"@{colour}", "width": 0.6},
                    "name": words,
                    "legendgroup": words,
                    "showlegend": place == 0,
                }
            )
    return shapes


def _markers(events: pl.DataFrame) -> list[Json]:
    kinds = [(pl.col("side") == sign, words, symbol, colour) for sign, words, symbol, colour in _SIDES]
    kinds.append((pl.col("side").is_null(), "event, no side", "circle", "@muted"))
    traces = []
    for chosen, words, symbol, colour in kinds:
        rows = events.filter(chosen)
        if rows.is_empty():
            continue
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": words,
                "x": times(rows["t0"]),
                "y": numbers(rows["close"]),
                "text": [_told(row) for row in rows.iter_rows(named=True)],
                "marker": {"symbol": symbol, "size": 8, "color": colour, "line": {"color": "@card", "width": 0.8}},
                "hovertemplate": f"{words}, %{{x|%Y-%m-%d %H:%M:%S}} UTC<br>close %{{y:,.7~g}} quote<br>"
                "%{text}<extra></extra>",
            }
        )
    return traces


def _told(event: dict[str, object]) -> str:
    known = f"{html.escape(str(event['kind']))}, target {100.0 * float(str(event['target'])):.2f} %"
    if event["label"] is None:
        return f"{known}<br>not labelled (yet)"
    barrier = html.escape(str(event["barrier"]).replace("_", " "))
    label = f"{event['label']:+d}" if event["label"] else "0"
    ret_pct, ended = 100.0 * float(str(event["ret_frac"])), event["t1"]
    until = moment(ended) if isinstance(ended, datetime) else "–"
    return f"{known}<br>{barrier} on {until} UTC<br>return of the side {ret_pct:+.2f} %, label {label}"


def _fills(fills: pl.DataFrame) -> list[Json]:
    if fills.is_empty():
        return []
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "name": "fill",
            "x": times(fills["ts"]),
            "y": numbers(fills["adjusted_price"]),
            "text": texts(fills["side"] + ", " + fills["session_id"]),
            "marker": {"symbol": "x-thin-open", "size": 8, "color": "@ink", "line": {"width": 1.4, "color": "@ink"}},
            "hovertemplate": "fill, %{text}<br>%{x|%Y-%m-%d %H:%M:%S} UTC<br>%{y:,.7~g} quote, adjusted<extra></extra>",
        }
    ]


def _caption(
    bars: pl.DataFrame,
    window: pl.DataFrame,
    detail: pl.DataFrame,
    overview: pl.DataFrame,
    outcomes: pl.DataFrame,
    labelled: pl.DataFrame,
) -> str:
    parts = [f"{bars.height:,} bars, {moment(bars['ts_close'][0])} to {moment(bars['ts_close'][-1])} UTC."]
    if detail.height < window.height or overview.height < bars.height:
        shown = f"{detail.height:,} of {window.height:,} bars above, {overview.height:,} of {bars.height:,} below"
        parts.append(f"Lines thinned for display, extremes kept: {shown}.")
    if labelled.height:
        parts.append(
            f"Boxes: the last {labelled.height} of {outcomes.filter(pl.col('label').is_not_null()).height:,} labelled "
            "events, from event to first touch, stop loss to profit taking; their colour says which barrier came first."
        )
        parts.append("An edge at the event’s price is a barrier that is off.")
    elif outcomes.height:
        parts.append(f"{outcomes.height:,} events, none labelled: no data yet: run <code>tsis run</code>.")
    else:
        parts.append("No events on this series.")
    return " ".join(parts)
