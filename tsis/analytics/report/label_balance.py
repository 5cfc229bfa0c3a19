"""Chart: which labels the events of each series got, and through which barrier."""

from __future__ import annotations

import html

import polars as pl

from tsis.analytics.report.figure import Figure, Json, axis, layout, title

_N_SERIES = 40
_LABELS = ((-1, "label −1", "@loss"), (0, "label 0", "@neutral"), (1, "label +1", "@gain"))
_BARRIERS = (
    ("stop_loss", "stop loss", "@loss"),
    ("vertical", "vertical", "@neutral"),
    ("profit_taking", "profit taking", "@gain"),
)


def label_balance_figure(name: str, triple_barrier: pl.DataFrame) -> Figure:
    """Return shares of labels (left) and of the barriers touched first (right), one bar a series."""
    series = triple_barrier.select("ticker", "bar_spec").unique().sort("ticker", "bar_spec")
    shown = series.head(_N_SERIES).reverse()
    names = [html.escape(f"{ticker} {bar_spec}") for ticker, bar_spec in shown.iter_rows()]
    traces = [
        _share(triple_barrier, shown, names, column, kind, suffix)
        for column, kinds, suffix in (("label", _LABELS, ""), ("barrier", _BARRIERS, "2"))
        for kind in kinds
    ]
    caption = (
        f"{triple_barrier.height:,} labelled events. A label is the sign of the return of the side over its window."
    )
    if series.height > shown.height:
        caption += f" The first {shown.height} of {series.height} series."
    percent = {"range": [0, 100], "title": "Share of the events, %", "showgrid": False}
    return Figure(
        name=name,
        label="Label balance by series",
        caption=caption,
        traces=traces,
        layout=layout(
            barmode="stack",
            bargap=0.4,
            xaxis=axis(domain=[0, 0.47], **percent),
            xaxis2=axis(domain=[0.53, 1], anchor="y2", **percent),
            yaxis=axis(type="category", showgrid=False, ticks="", dtick=1),
            yaxis2=axis(type="category", anchor="x2", matches="y", showticklabels=False, showgrid=False, ticks=""),
            annotations=[title("Labels", 0, 1.02), title("First barrier touched", 0.53, 1.02)],
            legend=_legend(0),
            legend2=_legend(0.53),
            margin={"l": 64, "r": 16, "t": 40, "b": 80},
        ),
        height_px=150 + 30 * shown.height,
    )


def _legend(x: float) -> Json:
    return {"orientation": "h", "traceorder": "normal", "x": x, "y": 0, "yref": "container", "yanchor": "bottom"}


def _share(
    labels: pl.DataFrame,
    series: pl.DataFrame,
    names: list[str],
    column: str,
    kind: tuple[int | str, str, str],
    suffix: str,
) -> Json:
    value, words, colour = kind
    counts = (
        series.join(
            labels.group_by("ticker", "bar_spec").agg(
                pl.col(column).eq(value).sum().alias("n"), pl.len().alias("n_events")
            ),
            on=["ticker", "bar_spec"],
            how="left",
            maintain_order="left",
        )
        .select("n", "n_events")
        .rows()
    )
    return {
        "type": "bar",
        "orientation": "h",
        "xaxis": f"x{suffix}",
        "yaxis": f"y{suffix}",
        "name": words,
        "legend": f"legend{suffix}",
        "x": [100.0 * n / n_events for n, n_events in counts],
        "y": names,
        "marker": {"color": colour},
        "customdata": [[n, n_events] for n, n_events in counts],
        "text": [f"{100.0 * n / n_events:.0f}" if n * 20 >= n_events else "" for n, n_events in counts],
        "textposition": "inside",
        "insidetextanchor": "middle",
        "textangle": 0,
        "textfont": {"color": "@on_fill"},
        "hovertemplate": f"%{{y}}<br>{words}: %{{x:.1f}} %, %{{customdata[0]:,}} of %{{customdata[1]:,}} events"
        "<extra></extra>",
    }
