"""Searches propose what their space holds, the same for the same seed."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tsis.core.errors import ParamsError, UnknownNameError
from tsis.models.estimator import estimators
from tsis.models.search.grid import GridSearch
from tsis.models.search.random import RandomSearch
from tsis.models.search.space import SPACES, Choice, Range, default_space, parse_space, points

SPACE = {"depth": Range(2, 4, is_integer=True), "rate": Range(0.01, 1.0, is_log=True), "kind": Choice(("a", "b"))}


def asked(proposer, loss=lambda point: 0.0):
    found = []
    while (point := proposer.ask()) is not None:
        found.append(point)
        proposer.tell(loss(point))
    return found


def test_a_grid_holds_every_combination_once():
    found = asked(GridSearch(SPACE, 18))
    assert len(found) == points(SPACE) == 18
    assert found[0] == {"depth": 2, "rate": 0.01, "kind": "a"}
    assert {(p["depth"], round(p["rate"], 9), p["kind"]) for p in found} == {
        (d, r, k) for d in (2, 3, 4) for r in (0.01, 0.1, 1.0) for k in "ab"
    }


def test_a_grid_that_would_be_cut_short_is_refused():
    with pytest.raises(ParamsError, match="18 points and n = 17"):
        GridSearch(SPACE, 17)


def test_random_points_are_different_in_range_and_follow_from_the_seed():
    first, second, other = (asked(RandomSearch(SPACE, 200, seed)) for seed in (7, 7, 8))
    assert first == second != other
    assert len(first) == 200
    assert {p["depth"] for p in first} == {2, 3, 4}
    rates = np.log10([p["rate"] for p in first])
    assert rates.min() >= -2.0
    assert rates.max() <= 0.0
    assert abs(rates.mean() + 1.0) < 0.15, "even in logarithms"


def test_random_search_ends_where_there_is_nothing_more():
    assert len(asked(RandomSearch({"kind": Choice((1, 2, 3))}, 50, 1))) == 3


def test_optuna_learns_and_repeats():
    pytest.importorskip("optuna")
    from tsis.models.search.optuna import OptunaSearch

    space = {"x": Range(-4.0, 4.0), "n": Range(1, 64, is_log=True, is_integer=True), "kind": Choice(("a", "b"))}

    def loss(point):
        return (point["x"] - 1.0) ** 2 + abs(math.log2(point["n"]) - 3.0) + (point["kind"] == "b")

    first, second = (asked(OptunaSearch(space, 40, 3), loss) for _ in range(2))
    assert first == second
    assert len(first) == 40
    assert np.mean([loss(p) for p in first[20:]]) < 0.7 * np.mean([loss(p) for p in first[:10]])


@pytest.mark.parametrize(
    ("text", "dimension"),
    [
        ("a=1,2,x", Choice((1, 2, "x"))),
        ("a=2..5", Range(2, 5, is_integer=True)),
        ("a=2.0..5", Range(2.0, 5)),
        ("a=1e-3..10:log", Range(1e-3, 10, is_log=True)),
    ],
)
def test_dimensions_are_written_as_text(text, dimension):
    assert parse_space([text]) == {"a": dimension}


@pytest.mark.parametrize("text", ["a", "=1", "a=", "a=3..3", "a=x..3", "a=0..3:log", "a=1..3:lin"])
def test_a_dimension_that_can_not_be_read_is_refused(text):
    with pytest.raises(ParamsError, match="--over"):
        parse_space([text])


def test_every_default_space_names_fields_of_its_estimator_and_values_that_it_takes():
    for kind, space in SPACES.items():
        for share in (0.0, 0.5, 1.0):
            given = {name: dimension.at(share) for name, dimension in space.items()}
            estimators()[kind].params.model_validate({"kind": kind} | given)
    with pytest.raises(UnknownNameError):
        default_space("xgbost")
