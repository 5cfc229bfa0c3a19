"""Joining small deliveries must never cut a file of ticks."""

from __future__ import annotations

import polars as pl

from tsis.sources.protocol import REJECTED, Batch, coalesced


def batch(table: str, origin: str, n_rows: int, **columns: object) -> Batch:
    rows = pl.DataFrame({"ticker": ["A"] * n_rows, **{name: [value] * n_rows for name, value in columns.items()}})
    return Batch(table, rows, REJECTED.to_frame(), 0, origin)


def test_bars_of_many_files_are_joined() -> None:
    joined = list(coalesced([batch("raw.ohlcv_1m", name, 3) for name in "abc"]))
    assert [(found.rows.height, found.origin) for found in joined] == [(9, "a … c (3 files)")]


def test_ticks_keep_their_file() -> None:
    parts = [batch("raw.trades", name, 3, seq=0) for name in "aab"]
    assert [found.origin for found in coalesced(parts)] == ["a", "a", "b"]
