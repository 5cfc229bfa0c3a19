"""Sequence numbers that float64 states could not hold."""

from __future__ import annotations

from lakes import trades

from tsis.lake import Lake


def test_a_seq_beyond_2_to_53_is_quarantined(lake: Lake) -> None:
    published = lake.append("raw.trades", trades(3, seq=[0, 2**53, 2**53 + 1]))
    assert published.rows_quarantined == 1
    assert lake.scan("raw.trades").collect()["seq"].to_list() == [0, 2**53]
