"""Live bars one after the other leave nothing behind."""

from __future__ import annotations

import pytest

from benchmarks import features


def require_steady(n_bars: int) -> None:
    found = features.steady(features.bars(2 * features.LIVE_BARS), n_bars)
    assert found.grown_blocks <= features.BLOCKS_AT_MOST
    assert found.grown_resident_bytes <= features.RESIDENT_AT_MOST


def test_a_hundred_thousand_bars_leave_nothing_allocated():
    require_steady(100_000)


@pytest.mark.long
@pytest.mark.timeout(3_600)
def test_ten_million_bars_leave_nothing_allocated():
    require_steady(10_000_000)
