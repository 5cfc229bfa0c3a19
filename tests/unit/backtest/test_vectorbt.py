"""Totals of a shared case: those that vectorbt gave, and those of the one that is installed."""

import os

import pytest

from benchmarks import backtest

PYTHON = os.environ.get("TSIS_PEERS_PYTHON")
N_BARS = 20_000
STOP, TARGET = float(backtest.STOPS[0]), float(backtest.TARGETS[0])


@pytest.fixture(scope="module")
def made():
    return backtest.work(N_BARS)


def test_the_totals_are_those_that_vectorbt_gave(made):
    """As vectorbt 1.2.0 answers them, on numba 0.68.1."""
    entry = backtest.apart(made, STOP, TARGET)
    found = backtest.totals(backtest.run(made, backtest.proposals(made, entry, STOP, TARGET)))
    assert found["n_trades"] == 244
    assert found["equity"] == pytest.approx(99_973.51625893851, rel=1e-12)
    assert found["fees"] == pytest.approx(25.703884242840775, rel=1e-12)


def test_one_thread_or_more_give_the_same_grid(made):
    few = range(0, backtest.N_SETS, 7)
    one, two = backtest.grid(made, 1), backtest.grid(made, 2)
    assert [one[number] for number in few] == [two[number] for number in few]
    assert one[0] == backtest.single(made)
    assert backtest.from_frames(made) == pytest.approx(one[0])


@pytest.mark.skipif(not PYTHON or not backtest.has_peer(PYTHON), reason="TSIS_PEERS_PYTHON has no vectorbt")
def test_the_totals_are_those_of_vectorbt(made, tmp_path):
    with backtest.running_peer(PYTHON, made, tmp_path) as peer:
        assert backtest.differences(made, peer) == []
