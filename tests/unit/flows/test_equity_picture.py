"""The picture of the equity curves."""

from __future__ import annotations

from datetime import date
from xml.etree import ElementTree

import polars as pl

from flows.equity_picture import equity_picture

SVG = "{http://www.w3.org/2000/svg}"


def daily(names: list[str]) -> pl.DataFrame:
    rows = [(name, date(2020, 1, day), 100.0 + day * (1 + i)) for i, name in enumerate(names) for day in (2, 3, 6)]
    return pl.DataFrame(rows, schema=["strategy_id", "date", "equity"], orient="row")


def test_one_line_a_strategy_inside_the_picture():
    root = ElementTree.fromstring(equity_picture(daily(["a", "b"])))
    lines = root.findall(f"{SVG}polyline")
    assert len(lines) == 2
    for line in lines:
        points = [tuple(map(float, point.split(","))) for point in str(line.get("points")).split()]
        assert len(points) == 3
        assert all(0 <= x <= 720 and 0 <= y <= 280 for x, y in points)
        assert points[0][1] > points[-1][1]  # equity rises: the line goes up


def test_names_are_escaped_and_one_day_is_drawn():
    text = equity_picture(daily(["<b>"]).head(1))
    assert "<b>" not in text
    assert "2020-01-02" in text
