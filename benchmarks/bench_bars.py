"""Ticks to dollar bars under pytest-benchmark: the kernel, the floor, the stage."""

from __future__ import annotations

import time
from typing import Any

import pytest

from benchmarks import bars
from tsis.bars.information_bars import information_bars
from tsis.bars.trade_bars import Ticks
from tsis.core.bar_spec import BarSpec


@pytest.mark.parametrize("bar", bars.BARS, ids=lambda bar: bar.name)
@pytest.mark.benchmark(group="500k ticks", timer=time.thread_time)
def test_kernel(benchmark: Any, tape: Ticks, bar: BarSpec) -> None:
    rows = benchmark(bars.fold, tape, bar)
    assert rows[:, 9].sum() <= tape.price.size  # n_ticks; the last bar is open


@pytest.mark.benchmark(group="500k ticks", timer=time.thread_time)
def test_read_once(benchmark: Any, tape: Ticks) -> None:
    assert benchmark(bars.read_once, tape) > 0


@pytest.mark.benchmark(group="500k ticks")
def test_stage(benchmark: Any, tape: Ticks) -> None:
    arguments = bars.stage_inputs(bars.es_trades(), bars.BARS[1])
    rows = benchmark.pedantic(lambda: information_bars(**arguments), rounds=5, warmup_rounds=1)
    assert rows.height == len(bars.fold(tape, bars.BARS[1]))
