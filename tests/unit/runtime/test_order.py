"""Rows in the order of a key."""

from __future__ import annotations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from tsis.core.order import in_order

ROWS = st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 2), st.integers(0, 2)), max_size=6)


@given(ROWS)
def test_equals_a_sort(rows):
    frame = pl.DataFrame(rows, schema={"t": pl.String, "x": pl.Int64, "y": pl.Int64}, orient="row").with_row_index()
    expected = frame.sort("t", "x", "y", maintain_order=True)
    assert_frame_equal(in_order(frame, ["t", "x", "y"]).drop("index"), expected.drop("index"))


def test_sorted_rows_are_not_copied():
    frame = pl.DataFrame({"x": [1, 1, 2]})
    assert in_order(frame, ["x"]) is frame
    assert in_order(frame.reverse(), ["x"])["x"].to_list() == [1, 1, 2]
    assert in_order(frame.clear(), ["x"]).is_empty()
