"""The gate on markets in which nobody can know anything, and on one trial that does know."""

from __future__ import annotations

import pytest

from benchmarks import gauntlet


def test_sixty_markets_without_an_edge():
    found = gauntlet.run(60, seed=1)
    assert found.problems == []
    assert found.n_effective > 3
    assert found.leak_believed_frac > 0.5, "a leak that convinces nobody tests nothing"


@pytest.mark.long
def test_five_hundred_markets_without_an_edge():
    assert gauntlet.run(500, seed=2).problems == []


def test_a_market_of_a_seed_is_the_same_in_a_longer_campaign():
    assert gauntlet.run(2, seed=9) == gauntlet.run(2, seed=9)
    assert gauntlet.run(2, seed=9) != gauntlet.run(2, seed=10)


def test_the_command_fails_where_the_gate_is_too_wide(monkeypatch, capsys):
    monkeypatch.setattr(gauntlet, "LEAST_ORACLES", 1.1)
    assert gauntlet.main(["--markets", "1", "--seed", "4"]) == 1
    assert "problem: " in capsys.readouterr().out
