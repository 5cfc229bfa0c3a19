"""Chart for notebooks: features of a series under its price, with its fair value gaps and market regimes."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from tsis.core.errors import DataError, UnknownNameError

if TYPE_CHECKING:
    import plotly.graph_objects as go

_SERIES: Final = ["ticker", "bar_spec"]
_KEY: Final = [*_SERIES, "ts_close", "seq"]
_PRICE_PX, _PANEL_PX, _MARGIN_PX = 360, 150, 170
_INK: Final = "#333b45"
_GAPS: Final = {"bullish": "#2f6fb2", "bearish": "#c9641b"}
_REGIMES: Final = {"trend_up": "#1f8a70", "trend_down": "#c43d4b", "range": "#b59b4a", "undefined": "#9aa1a9"}


def feature_chart(
    bars: pl.DataFrame,
    features: pl.DataFrame,
    names: Sequence[str],
    units: Mapping[str, str],
    gaps: pl.DataFrame | None = None,
    regimes: pl.DataFrame | None = None,
) -> go.Figure:
    """Return the price of one series and below it a panel a feature, over the time of `bars`.

    A value is drawn from the close on which it is known to the next one; where it is missing there is no line. A gap is
    a rectangle from the close on which it was known until it was filled or dropped, or to the last bar. A regime is a
    background from its first bar to that of the next.

    Parameters
    ----------
    bars : rows of information_bars of one ticker and bar_spec, in any order; the chart reaches from first to last.
    features : ticker, bar_spec, ts_close, seq and the features, in any order; what is not of `bars` is left out.
    names : columns of `features`, from top to bottom.
    units : unit of each of them, as marts.feature_dictionary has it.
    gaps : rows of fair_value_gaps, of any series and timeframes; those of others are left out.
    regimes : rows of regimes, likewise.

    Raises
    ------
    UnknownNameError
        If `features` has no such column, or `units` no such name.
    DataError
        If the bars are of several series.
    """
    from plotly.subplots import make_subplots  # noqa: PLC0415  slow to import

    for name in names:
        for known in (set(features.columns) - set(_KEY), set(units)):
            if name not in known:
                raise UnknownNameError("feature", name, known)
    series = bars.select(_SERIES).unique().sort(_SERIES)
    if series.height > 1:
        first, second = (" ".join(row) for row in series.rows()[:2])
        raise DataError(f"feature_chart: bars of {series.height} series ({first}, {second}, …); give those of one")
    shown = bars.sort("ts_close", "seq").join(
        features.select(*_KEY, *(pl.col(name).alias(f"feature {name}") for name in names)),
        on=_KEY,
        how="left",
        maintain_order="left",
    )
    inner_px = _PRICE_PX + _PANEL_PX * len(names)
    figure = make_subplots(
        rows=1 + len(names),
        cols=1,
        shared_xaxes=True,
        vertical_spacing=min(0.06, 28 / inner_px),
        row_heights=[_PRICE_PX, *[_PANEL_PX] * len(names)],
        subplot_titles=["", *map(html.escape, names)],
    )
    _draw_price(figure, shown)
    for row, name in enumerate(names, start=2):
        line = {"color": _INK, "width": 1, "shape": "hv"}
        values = shown[f"feature {name}"].cast(pl.Float64).fill_nan(None).to_list()
        figure.add_scatter(
            x=shown["ts_close"].to_list(), y=values, name=html.escape(name), line=line, showlegend=False, row=row, col=1
        )
        figure.update_yaxes(title_text=html.escape(units[name]), row=row, col=1)
    if gaps is not None:
        _draw_gaps(figure, gaps, shown)
    if regimes is not None:
        _draw_regimes(figure, regimes, shown)
    figure.update_layout(
        title=html.escape(" ".join(series.row(0))) if series.height else None,
        height=inner_px + _MARGIN_PX,
        hovermode="x",
        legend={"orientation": "h", "y": -40 / inner_px, "yanchor": "top"},
        margin={"t": 60, "b": 110},
        plot_bgcolor="white",
    )
    return figure


def _draw_price(figure: go.Figure, shown: pl.DataFrame) -> None:
    x, thin = shown["ts_close"].to_list(), {"color": "#c9ccd1", "width": 0}
    figure.add_scatter(x=x, y=shown["low"].to_list(), name="low", line=thin, showlegend=False, row=1, col=1)
    band: dict[str, Any] = {"line": thin, "fill": "tonexty", "fillcolor": "rgba(90, 98, 108, .3)"}
    figure.add_scatter(x=x, y=shown["high"].to_list(), name="low to high", **band, row=1, col=1)
    close = {"color": _INK, "width": 1.2}
    figure.add_scatter(x=x, y=shown["close"].to_list(), name="close", line=close, row=1, col=1)
    figure.update_yaxes(title_text="quote, adjusted", row=1, col=1)


def _draw_gaps(figure: go.Figure, gaps: pl.DataFrame, shown: pl.DataFrame) -> None:
    """Draw one trace a direction: rectangles with a hole in the line after each."""
    ended = pl.min_horizontal("ts_filled", "ts_dropped")
    cut = _within(gaps, shown, "ts_created", ended)
    for direction, color in _GAPS.items():
        x, y = [], []
        for begin, end, top, bottom in (
            cut.filter(pl.col("direction") == direction).select("begin", "end", "top", "bottom").iter_rows()
        ):
            x += [begin, end, end, begin, begin, None]
            y += [top, top, bottom, bottom, top, None]
        name, line = f"{direction} fair value gap", {"color": color, "width": 1}
        figure.add_scatter(
            x=x, y=y, mode="lines", line=line, fill="toself", name=name, hoverinfo="skip", opacity=0.6, row=1, col=1
        )


def _draw_regimes(figure: go.Figure, regimes: pl.DataFrame, shown: pl.DataFrame) -> None:
    """Shade all panels; the legend names each regime once and hides all of its shades together."""
    cut = _within(regimes, shown, "ts_start", pl.col("ts_end"))
    shades = []
    for regime, color in _REGIMES.items():
        name = f"regime: {regime.replace('_', ' ')}"
        spans = cut.filter(pl.col("regime") == regime).select("begin", "end").rows()
        shades += [
            {
                "type": "rect",
                "xref": "x",
                "yref": "paper",
                "x0": begin,
                "x1": end,
                "y0": 0,
                "y1": 1,
                "layer": "below",
                "line": {"width": 0},
                "fillcolor": color,
                "opacity": 0.22,
                "name": name,
                "legendgroup": name,
                "showlegend": place == 0,
            }
            for place, (begin, end) in enumerate(spans)
        ]
    figure.update_layout(shapes=shades)


def _within(rows: pl.DataFrame, shown: pl.DataFrame, start: str, ended: pl.Expr) -> pl.DataFrame:
    """Return the rows of the same series that were alive between first and last bar, with begin and end cut to it."""
    first, last = shown["ts_close"].min(), shown["ts_close"].max()
    return (
        rows.join(shown.select(_SERIES).unique(), on=_SERIES, how="semi")
        .with_columns(
            pl.max_horizontal(start, pl.lit(first, pl.Datetime("us", "UTC"))).alias("begin"),
            pl.min_horizontal(ended, pl.lit(last, pl.Datetime("us", "UTC"))).alias("end"),
        )
        .filter(pl.col("begin") < pl.col("end"))
        .sort("begin", "end", maintain_order=True)
    )
