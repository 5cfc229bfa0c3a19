"""The equity of each strategy as a small SVG."""

from __future__ import annotations

from html import escape

import polars as pl

_WIDTH, _HEIGHT, _MARGIN = 720, 280, 40
_COLOURS = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf")


def equity_picture(daily: pl.DataFrame) -> str:
    """Return an SVG with one line a strategy.

    Parameters
    ----------
    daily : rows of analytics.pnl_daily, at least one.
    """
    rows = daily.sort("date", "strategy_id").with_columns(day=pl.col("date").to_physical().cast(pl.Float64))
    left, right = float(rows["day"].min()), float(rows["day"].max())  # type: ignore[arg-type]
    low, high = float(rows["equity"].min()), float(rows["equity"].max())  # type: ignore[arg-type]
    days = " to ".join(rows["date"].gather([0, -1]).sort().cast(pl.String))
    across = (_WIDTH - 2 * _MARGIN) / (right - left or 1.0)
    up = (_HEIGHT - 2 * _MARGIN) / (high - low or 1.0)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" font-family="sans-serif">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="4" y="{_MARGIN}" font-size="10">{high:,.0f}</text>',
        f'<text x="4" y="{_HEIGHT - _MARGIN}" font-size="10">{low:,.0f}</text>',
        f'<text x="{_MARGIN}" y="{_HEIGHT - 8}" font-size="10">{days}</text>',
    ]
    for number, ((name,), part) in enumerate(rows.group_by("strategy_id", maintain_order=True)):
        colour = _COLOURS[number % len(_COLOURS)]
        points = " ".join(
            f"{_MARGIN + (day - left) * across:.1f},{_HEIGHT - _MARGIN - (equity - low) * up:.1f}"
            for day, equity in part.select("day", "equity").iter_rows()
        )
        lines.append(f'<polyline fill="none" stroke="{colour}" stroke-width="1.5" points="{points}"/>')
        lines.append(
            f'<text x="{_MARGIN + 130 * number}" y="16" font-size="12" fill="{colour}">{escape(str(name))}</text>'
        )
    return "\n".join([*lines, "</svg>"])
