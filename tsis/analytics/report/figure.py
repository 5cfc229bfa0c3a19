"""A plotly figure as plain data, and the block of HTML that holds it."""

from __future__ import annotations

import base64
import html
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

Json = dict[str, Any]


@dataclass(frozen=True)
class Figure:
    """One chart.

    Parameters
    ----------
    name : its id on the page; unique, made of letters, digits and ``-``.
    label : what it shows, for those who can't see it; plain text.
    caption : the line below it; HTML, escaped by the caller where it holds data.
    traces, layout : as plotly.js takes them. A colour ``@name`` stands for the variable ``--name`` of the page's
        style, so that the chart follows the light or dark theme. Text from data is escaped: plotly reads tags.
    height_px : of the chart.
    """

    name: str
    label: str
    caption: str
    traces: list[Json]
    layout: Json
    height_px: int

    def block(self) -> str:
        """Return the HTML of the chart: its place, its data and its caption."""
        content = json.dumps({"data": self.traces, "layout": self.layout}, sort_keys=True, allow_nan=False)
        content = content.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
        return (
            f'<figure><div class="chart" id="{self.name}" role="img" aria-label="{html.escape(self.label)}"'
            f' style="height:{self.height_px}px"></div>'
            f'<script type="application/json" data-chart="{self.name}">{content}</script>'
            f"<figcaption>{self.caption}</figcaption></figure>"
        )


def no_data(what: str) -> str:
    """Return the block that stands where `what` (plain text) has no rows."""
    return f'<p class="empty">{html.escape(what)}: no data yet: run <code>tsis run</code></p>'


def left_out(what: str, n_found: int, n_shown: int) -> str:
    """Return a note that only the first `n_shown` of `what` (plain text) have charts; nothing if there are no more."""
    if n_found <= n_shown:
        return ""
    return f'<p class="note">Charts of the first {n_shown} of {n_found:,} {html.escape(what)}, by name.</p>'


def numbers(values: pl.Series) -> Json:
    """Return numbers as the typed array that plotly.js reads; null becomes NaN, a gap in the line."""
    array = values.cast(pl.Float64).fill_null(float("nan")).to_numpy().astype("<f8")
    return {"dtype": "f8", "bdata": base64.b64encode(array.tobytes()).decode()}


def times(values: pl.Series) -> list[str]:
    """Return UTC times or dates as ``2013-09-03 14:30:00.25``, as short as they can be.

    Text, since plotly.js takes a number for a moment and shows it in the reader's time zone.
    """
    shown = values.cast(pl.Datetime("us")).dt.strftime("%Y-%m-%d %H:%M:%S%.f")
    return shown.str.strip_suffix(":00").str.strip_suffix(" 00:00").to_list()


def texts(values: pl.Series) -> list[str]:
    """Return text from data with its markup made harmless."""
    return [html.escape(str(value)) for value in values]


def thinned(rows: pl.DataFrame, column: str, n_most: int) -> pl.DataFrame:
    """Return at most `n_most` rows (≥ 4) in order: the first, the last, and the lowest and highest of each bucket.

    Buckets hold equally many rows; `column` has no nulls. Extremes survive, which taking every k-th row would lose.
    """
    if rows.height <= n_most:
        return rows
    position = np.arange(rows.height)
    bucket = pl.Series(position * (n_most // 2 - 1) // rows.height)
    indexed = rows.select(pl.col(column), pl.lit(bucket).alias("bucket"), pl.lit(pl.Series(position)).alias("position"))
    extremes = indexed.group_by("bucket", maintain_order=True).agg(
        pl.col("position").get(pl.col(column).arg_min()).alias("low"),
        pl.col("position").get(pl.col(column).arg_max()).alias("high"),
    )
    kept = np.concatenate([[0, rows.height - 1], extremes["low"].to_numpy(), extremes["high"].to_numpy()])
    return rows[np.unique(kept)]


def axis(**settings: Any) -> Json:
    """Return an axis in the page's quiet style; `title` is a text that is not from data."""
    if "title" in settings:
        settings["title"] = {"text": settings["title"], "standoff": 12}
    return {
        "gridcolor": "@grid",
        "linecolor": "@line",
        "tickcolor": "@line",
        "zeroline": False,
        "automargin": True,
        **settings,
    }


def layout(**settings: Any) -> Json:
    """Return a layout in the page's quiet style."""
    return {
        "paper_bgcolor": "@card",
        "plot_bgcolor": "@card",
        "font": {"family": "system-ui, sans-serif", "size": 12, "color": "@muted"},
        "margin": {"l": 64, "r": 16, "t": 40, "b": 40},
        "hoverlabel": {"bgcolor": "@card", "bordercolor": "@line", "font": {"color": "@ink"}, "align": "left"},
        "legend": {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom", "xanchor": "left"},
        "hovermode": "closest",
        **settings,
    }


def title(text: str, x: float, y: float) -> Json:
    """Return the small heading of a panel at a place of the paper (both from 0 to 1); `text` is not from data."""
    return {
        "text": f"<b>{text}</b>",
        "x": x,
        "y": y,
        "xref": "paper",
        "yref": "paper",
        "xanchor": "left",
        "yanchor": "bottom",
        "showarrow": False,
        "font": {"color": "@ink", "size": 13},
    }
