"""Laws 1 and 4 over every resumable stage: in pieces, from saved states, it says what it says in one call."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tsis.core.state import state_from_bytes, state_to_bytes
from tsis.runtime.dag import stages
from tsis.runtime.inputs import Inputs, midnight_after
from tsis.runtime.params import read_params
from tsis.runtime.settings import REPOSITORY
from tsis.runtime.workspace import open_lake

STAGES = {name: stage for name, stage in stages().items() if stage.is_resumable}
PARAMS = read_params(REPOSITORY / "params.yaml", stages())

WITHOUT_ROWS = {("bar_microstructure", "AAPL"), ("bar_microstructure", "EURUSD")}
"""Stages that have nothing to say of a ticker, as of daily bars without trades and quotes."""


def test_the_heavy_stages_are_resumable():
    assert {"information_bars", "features"} <= set(STAGES)


@pytest.mark.parametrize("ticker", ["ES", "AAPL", "EURUSD"])
@pytest.mark.parametrize("name", STAGES)
def test_pieces_equal_the_whole(name, ticker, demo_lake):
    stage, lake = STAGES[name], open_lake(demo_lake)
    with lake.transaction([]) as transaction:
        inputs = Inputs(stage, transaction)
        days = inputs.rows_by_day(ticker, None)["day"].to_list()
        random = np.random.default_rng(3)
        n_cuts = min(len(days) - 1, 12)
        cuts = sorted(midnight_after(days[i]) for i in random.choice(len(days) - 1, n_cuts, replace=False))
        whole, last = stage.frames(inputs.between(ticker, None, None), PARAMS[name])
        state, after, pieces = None, None, []
        for until in [*cuts, None]:
            given = inputs.between(ticker, after, until)
            frames, state = stage.frames(given, PARAMS[name], state, until)
            assert state is not None
            state, after = state_from_bytes(state_to_bytes(state)), until
            pieces.append(frames)
    assert cuts
    for table, expected, *parts in zip(stage.writes, whole, *pieces, strict=True):
        assert (expected.height == 0) == ((name, ticker) in WITHOUT_ROWS)
        assert_frame_equal(expected, pl.concat(parts).sort(table.key), check_exact=True)
    assert state_to_bytes(state) == state_to_bytes(last)


@pytest.mark.parametrize("name", STAGES)
def test_a_state_given_is_not_changed(name, demo_lake):
    stage, lake = STAGES[name], open_lake(demo_lake)
    with lake.transaction([]) as transaction:
        inputs = Inputs(stage, transaction)
        days = inputs.rows_by_day("ES", None)["day"].to_list()
        middle = midnight_after(days[0])
        _, state = stage.frames(inputs.between("ES", None, middle), PARAMS[name], None, middle)
        before = state_to_bytes(state)
        stage.frames(inputs.between("ES", middle, middle + timedelta(days=1)), PARAMS[name], state, None)
    assert state_to_bytes(state) == before
