"""The policy of refits against a plain walk through the events; nothing later moves one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tsis.core.errors import DataError
from tsis.models.predictions import ModelParams
from tsis.models.retraining import DriftParams, RetrainingParams, refit_points, stability_index
from tsis.models.walk_forward import OPEN, purged_walk_forward, walk_forward_from

HOUR = 3_600_000_000


@st.composite
def windows(draw):
    n = draw(st.integers(1, 60))
    t0 = np.cumsum(draw(st.lists(st.integers(0, 5), min_size=n, max_size=n))) * HOUR
    length = np.array(draw(st.lists(st.integers(0, 9), min_size=n, max_size=n))) * HOUR
    is_open = np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    return t0, np.where(is_open & (np.arange(n) % 3 == 0), OPEN, t0 + length)


policies = st.builds(RetrainingParams, min_hours=st.sampled_from([0.0, 1.5, 24.0]), min_labels=st.integers(1, 9))


def walked(t0, t1, min_train, policy):
    """Decide event by event, knowing the labels that had ended before it."""
    found, then, learnt = [], None, 0
    for row, moment in enumerate(t0):
        known = int((t1 < moment).sum())
        if then is None:
            due = known >= min_train
        else:
            due = moment - then >= policy.min_hours * HOUR and known - learnt >= policy.min_labels
        if due:
            found.append(row)
            then, learnt = moment, known
    return found


@given(windows(), st.integers(1, 8), policies)
def test_points_are_those_of_a_walk_through_the_events(data, min_train, policy):
    assert refit_points(*data, min_train, policy).tolist() == walked(*data, min_train, policy)


@given(windows(), st.integers(1, 8), policies, st.integers(0, 60), st.booleans())
def test_what_comes_after_a_moment_moves_no_point(data, min_train, policy, position, looks_for_drift):
    t0, t1 = data
    if looks_for_drift:
        policy = RetrainingParams(min_labels=50, drift=DriftParams(window_events=20, min_psi=0.05))
    features = np.cumsum(np.random.default_rng(t0.size).normal(size=(t0.size, 2)), axis=0)
    moment = t0[min(position, t0.size - 1)]
    known = t0 <= moment
    whole = refit_points(t0, t1, min_train, policy, features)
    then = refit_points(t0[known], np.where(t1[known] <= moment, t1[known], OPEN), min_train, policy, features[known])
    assert then.tolist() == whole[whole < known.sum()].tolist()


@given(windows(), st.integers(1, 8), policies)
def test_blocks_begin_at_the_points_and_train_on_what_had_ended(data, min_train, policy):
    t0, t1 = data
    points = refit_points(t0, t1, min_train, policy)
    blocks = list(walk_forward_from(t0, t1, points))
    assert [test[0] for _, test in blocks] == points.tolist()
    assert np.concatenate([np.empty(0, dtype=int), *(test for _, test in blocks)]).tolist() == list(
        range(points[0] if points.size else t0.size, t0.size)
    )
    for train, test in blocks:
        assert train.tolist() == np.flatnonzero(t1 < t0[test[0]]).tolist()


def test_blocks_of_equal_size_are_those_of_the_walk_forward_by_events():
    t0 = np.arange(40) * HOUR
    t1 = t0 + 3 * HOUR
    expected = [(a.tolist(), b.tolist()) for a, b in purged_walk_forward(t0, t1, 10, 7)]
    # one label ends an hour
    points = refit_points(t0, t1, 10, RetrainingParams(min_hours=7, min_labels=7))
    assert [(a.tolist(), b.tolist()) for a, b in walk_forward_from(t0, t1, points)] == expected


def test_features_that_shift_call_for_a_refit_once_they_are_seen():
    rng = np.random.default_rng(1)
    t0 = np.arange(1_000) * HOUR
    features = rng.normal(size=(1_000, 4))
    features[700:, :2] += 2.0
    drift = DriftParams(window_events=100, min_psi=0.5)
    rare = RetrainingParams(min_labels=10_000, drift=drift)
    assert refit_points(t0, t0, 200, rare, rng.normal(size=(1_000, 4))).tolist() == [200]
    # looked at on 300, 400, ..., 800; and on 900 most of what was learnt from is still as it was
    assert refit_points(t0, t0, 200, rare, features).tolist() == [200, 800, 900]
    most = RetrainingParams(min_labels=10_000, drift=DriftParams(**drift.model_dump() | {"min_features_frac": 0.6}))
    assert refit_points(t0, t0, 200, most, features).tolist() == [200]
    # without a new label there is nothing to learn
    assert refit_points(t0, np.where(t0 >= t0[199], OPEN, t0), 199, rare, features).tolist() == [199]


def test_stability_index_is_what_it_is_by_hand():
    before = np.arange(1.0, 101.0)
    assert stability_index(before, before) == pytest.approx(0.0, abs=1e-12)
    # ten each below the deciles, against all in the last
    expected = 9 * (1e-4 - 0.1) * np.log(1e-4 / 0.1) + (1.0 - 0.1) * np.log(1.0 / 0.1)
    assert stability_index(before, np.full(50, 99.0)) == pytest.approx(expected)
    half = np.where(np.arange(100) < 50, np.nan, before)
    assert stability_index(before, half) > 0.25
    assert stability_index(np.full(10, np.nan), np.full(10, np.nan)) == 0.0
    assert stability_index(np.empty(0), before) == 0.0
    assert stability_index(np.ones(30), np.full(30, 2.0)) > 1.0


def test_what_is_wrong_is_said():
    with pytest.raises(DataError, match="drift is looked for in the features of the 3 events"):
        refit_points(np.arange(3), np.arange(3), 1, RetrainingParams(drift=DriftParams()))
    with pytest.raises(DataError, match="start before the row above"):
        refit_points(np.array([2, 1]), np.array([2, 1]), 1, RetrainingParams())
    with pytest.raises(ValidationError, match=r"refit_every: is now retraining: \{min_hours"):
        ModelParams.model_validate({"asset_class": "fx", "bar_spec": "time_1h", "refit_every": 250})
    assert RetrainingParams() == RetrainingParams(min_hours=24.0, min_labels=100)
