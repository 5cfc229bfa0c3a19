"""Threads share the banks of one long series out: the bits are those of one thread, whoever does what when."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from given_rows import given_rows, streams
from hypothesis import given
from hypothesis import strategies as st

from tsis.core.errors import ParamsError
from tsis.core.feature import Bank, Feature
from tsis.core.jit import jit
from tsis.core.stream import CLOSE
from tsis.features import engine as module
from tsis.features.engine import Engine
from tsis.features.features import FeaturesParams

ENGINE = Engine(list(FeaturesParams().banks().values()))
ROWS = given_rows("5m", 4, 1_500)
WHOLE, LAST = ENGINE.fold(streams(ROWS), ENGINE.start())
N_BANKS = len(ENGINE.banks)


@pytest.fixture(autouse=True, scope="module")
def _every_series_is_long():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_WORTH_SHARING", 2)
        yield


@given(
    cuts=st.sets(st.integers(1, len(ROWS) - 1), max_size=4),
    threads=st.lists(st.integers(1, 5), min_size=5, max_size=5),
    shares=st.lists(st.integers(0, N_BANKS), min_size=4, max_size=4),
    turn=st.integers(20, 2_000),
)
def test_the_bits_are_those_of_one_thread_wherever_series_and_banks_are_cut(cuts, threads, shares, turn):
    def groups(_n):
        return [slice(first, stop) for first, stop in pairwise([0, *sorted(shares), N_BANKS])]

    parts, checkpoint = [], ENGINE.start()
    begins, ends = [0, *sorted(cuts)], [*sorted(cuts), len(ROWS)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ENGINE, "_groups", groups)
        patch.setattr(module, "_TURN", turn)
        for begin, end, n in zip(begins, ends, threads, strict=False):
            given_to = checkpoint.copy()
            part, after = ENGINE.fold(streams(ROWS[begin:end]), checkpoint, n)
            assert checkpoint.tobytes() == given_to.tobytes()
            parts.append(part)
            checkpoint = np.frombuffer(after.tobytes())
    assert np.concatenate(parts).tobytes() == WHOLE.tobytes()
    assert checkpoint.tobytes() == LAST.tobytes()


def test_live_goes_on_from_where_threads_ended():
    _, checkpoint = ENGINE.fold(streams(ROWS[:1_400]), ENGINE.start(), n_threads=2)
    session = ENGINE.live(checkpoint)
    live = np.concatenate([session.step(streams(ROWS[i : i + 1])).copy() for i in range(1_400, 1_500)])
    assert live.tobytes() == WHOLE[1_400:].tobytes()
    assert session.checkpoint().tobytes() == LAST.tobytes()


@pytest.mark.parametrize("n_threads", [1, 2, 3, N_BANKS + 1])
def test_every_bank_is_in_one_group(n_threads):
    groups = ENGINE._groups(2 * n_threads)
    assert [bank for group in groups for bank in range(N_BANKS)[group]] == list(range(N_BANKS))
    assert all(range(N_BANKS)[group] for group in groups)
    assert len(groups) <= 2 * n_threads
    out, last = ENGINE.fold(streams(ROWS), ENGINE.start(), n_threads)
    assert (out.tobytes(), last.tobytes()) == (WHOLE.tobytes(), LAST.tobytes())


@jit
def _refuses(x, first, stop, params, state, out, k):
    for i in range(first, stop):
        if x[CLOSE, i] == 7.0:
            raise ValueError("a close of 7")
        out[i - first, k] = x[CLOSE, i]


def test_an_error_in_a_thread_reaches_the_caller():
    refusing = Bank((CLOSE,), (Feature("refused", "quote", "The close unless it is 7", 0, "none"),), (), 0, _refuses)
    engine = Engine([*ENGINE.banks[:3], refusing])
    rows = ROWS.copy()
    rows[1_200, CLOSE] = 7.0
    engine.fold(streams(ROWS), engine.start(), n_threads=2)
    with pytest.raises(ValueError, match="a close of 7"):
        engine.fold(streams(rows), engine.start(), n_threads=2)


def test_no_bars_give_no_rows():
    out, last = ENGINE.fold(streams(ROWS[:0]), ENGINE.start(), n_threads=2)
    assert out.shape == (0, len(ENGINE.names))
    assert last.tobytes() == ENGINE.start().tobytes()


def test_an_engine_without_banks_has_no_columns():
    nothing = Engine([])
    out, last = nothing.fold(streams(ROWS), nothing.start(), n_threads=2)
    assert out.shape == (len(ROWS), 0)
    assert last.size == nothing.start().size


@pytest.mark.parametrize("n_threads", [0, -1])
def test_fewer_threads_than_one_are_refused(n_threads):
    with pytest.raises(ParamsError, match="at least 1"):
        ENGINE.fold(streams(ROWS), ENGINE.start(), n_threads)
