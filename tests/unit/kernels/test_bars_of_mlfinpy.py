"""Bar by bar against mlfinpy, which runs in an environment of its own, on the bundled trades."""

import os

import pytest

PYTHON = os.environ.get("TSIS_PEERS_PYTHON")

pytestmark = pytest.mark.skipif(PYTHON is None, reason="TSIS_PEERS_PYTHON names no interpreter that has mlfinpy")


@pytest.fixture(scope="module")
def peer():
    from benchmarks.imbalance_bars import running_peer

    with running_peer(PYTHON) as running:
        yield running


@pytest.mark.parametrize("what", ["imbalance", "run"])
@pytest.mark.parametrize("amount", ["tick", "volume", "dollar"])
def test_bars_with_constant_expected_ticks_are_those_of_mlfinpy(peer, amount, what):
    from benchmarks.imbalance_bars import Rule, differences, es_ticks, fold

    rule = Rule(f"{amount}_{what}", "const", expected_ticks=2_000, ticks_window=1_000, bars_window=3)
    assert len(fold(es_ticks(), rule)) > 30
    assert differences(peer, rule) == []


def test_bars_with_ewma_expected_ticks_are_those_of_mlfinpy(peer):
    from benchmarks.imbalance_bars import Rule, differences

    assert differences(peer, Rule("dollar_run", "ema")) == []
