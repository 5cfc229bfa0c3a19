"""What the benchmarks share: a lake of a million minute bars, and trades as arrays."""

from __future__ import annotations

import pytest

from benchmarks import bars, store
from benchmarks.minute_bars import minute_bars
from tsis.bars.trade_bars import Ticks
from tsis.lake import Lake


@pytest.fixture(scope="session")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    made = store.new_lake(tmp_path_factory.mktemp("bench"))
    made.append(store.TABLE.name, minute_bars(n_days=26))
    return made


@pytest.fixture(scope="session")
def tape() -> Ticks:
    return bars.es_ticks()
