"""Ensembles: what each rule weighs, and that nothing but the past decides."""

import json
import math
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from pydantic import TypeAdapter, ValidationError

from tsis.core.errors import DataError, UnknownNameError
from tsis.core.table import spec
from tsis.signals import ensemble_predictions as stage_module
from tsis.signals.ensemble_predictions import EnsembleParams, EnsemblePredictionsParams, ensemble_predictions
from tsis.signals.ensembles import BestPerformer, ConfidenceWeighted, PerformanceWeighted, Rule, Voting
from tsis.signals.ensembles.past import Past, shares
from tsis.signals.ensembles.stance import stance_probability
from tsis.tables.labeling.events import Events
from tsis.tables.labeling.meta_labels import MetaLabels
from tsis.tables.labeling.strategy_sides import StrategySides
from tsis.tables.signals.ensemble_predictions import EnsemblePredictions
from tsis.tables.signals.predictions import Predictions

T0 = datetime(2020, 1, 6, tzinfo=UTC)
HOUR = timedelta(hours=1)
N = 150
RULES = [
    Voting(),
    ConfidenceWeighted(),
    PerformanceWeighted(window=40, min_past=10),
    BestPerformer(window=40, min_past=10),
]
EVENT = ["ticker", "bar_spec", "t0", "seq"]


def raw(n=N, k=3, seed=5):
    """Return probabilities (n, k), labels, t0, t1 in hours; the first member knows something, the last is wrong."""
    random = np.random.default_rng(seed)
    label = (random.random(n) < 0.5).astype(float)
    skill = np.linspace(0.15, -0.15, k)
    probability = np.clip(0.5 + skill * (2 * label - 1)[:, None] + random.normal(0, 0.1, (n, k)), 0.02, 0.98)
    t0 = np.cumsum(random.integers(0, 3, n))
    t1 = t0 + random.integers(1, 12, n)
    label[t1 > t0[-1]] = np.nan
    return probability, label, t0, t1


def loss(p, y):
    return -math.log(p) if y == 1 else -math.log(1.0 - p)


def past_losses(probability, label, t0, t1, i, window):
    """Return the members' mean log losses on the last events that had ended before event i, from scratch."""
    ended = [j for j in np.argsort(t1, kind="stable") if t1[j] < t0[i] and not np.isnan(label[j])]
    last = ended[-window:]
    sums = [math.fsum(loss(probability[j, k], label[j]) for j in last) for k in range(3)]
    return len(ended), [total / max(len(last), 1) for total in sums]


def expected_weights(rule, data, i):
    p = data[0][i]
    if rule.kind == "voting":
        n_for, n_against = (p > 0.5).sum(), (p < 0.5).sum()
        return np.ones(3) if n_for == n_against else (p > 0.5 if n_for > n_against else p < 0.5)
    if rule.kind == "confidence_weighted":
        return abs(2 * p - 1)
    n_past, losses = past_losses(*data, i, rule.window)
    if n_past < rule.min_past:
        return np.ones(3)
    if rule.kind == "best_performer":
        return np.arange(3) == np.argmin(losses)
    gains = [max(math.log(2) - value, 0.0) for value in losses]
    return gains if sum(gains) else np.ones(3)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.kind)
def test_weights_are_those_of_the_plain_formula(rule):
    data = raw()
    found = rule.weights(data[0], Past.of(*data))
    for i in range(N):
        given = np.asarray(expected_weights(rule, data, i), dtype=float)
        assert found[i] == pytest.approx(given / given.sum(), abs=1e-9)
    assert found.sum(axis=1) == pytest.approx(np.ones(N))
    assert (found >= 0.0).all()


def test_what_did_well_counts():
    data = raw()
    past = Past.of(*data)
    late = past.n >= 40
    assert (BestPerformer(window=40).weights(data[0], past)[late, 0] == 1.0).mean() > 0.9
    performance = PerformanceWeighted(window=40).weights(data[0], past)[late].mean(axis=0)
    assert performance[0] > 0.8
    assert performance[2] < 0.05


def test_ties_and_nothing_known():
    coins = np.full((4, 3), 0.5)
    past = Past.of(coins, np.full(4, np.nan), np.arange(4), np.arange(4))
    for rule in RULES:
        np.testing.assert_array_equal(rule.weights(coins, past), np.full((4, 3), 1 / 3))
    tie = np.array([[0.9, 0.2, 0.5]])
    np.testing.assert_array_equal(Voting().weights(tie, past), np.full((1, 3), 1 / 3))
    np.testing.assert_array_equal(Voting().weights(np.array([[0.9, 0.6, 0.1]]), past), [[0.5, 0.5, 0.0]])
    assert shares(np.zeros((0, 3))).shape == (0, 3)
    # a member that was sure and wrong has a large loss, not an infinite one
    sure = Past.of(np.array([[1.0, 0.5]] * 2), np.array([0.0, np.nan]), np.array([0, 5]), np.array([1, 9]))
    assert np.isfinite(sure.log_loss(10)).all()


@pytest.fixture
def tables(frame):
    """Return predictions of a, b, c and the labels that go with `raw` data."""

    def build(data, members=("a", "b", "c"), **given):
        probability, label, t0, t1 = data
        n = len(t0)
        key = {"ticker": "X", "bar_spec": "time_1h", "t0": [T0 + HOUR * int(t) for t in t0], "seq": list(range(n))}
        said = [
            frame(
                Predictions,
                **{
                    "model": member,
                    "model_version": [f"{member}{i // 50}" for i in range(n)],
                    "split": "walk_forward",
                    "fold": [i // 50 for i in range(n)],
                    "side": [1 if i % 2 else -1 for i in range(n)],
                    "probability": probability[:, k].tolist(),
                    "predicted_at": key["t0"],
                    **key,
                    **given,
                },
            )
            for k, member in enumerate(members)
        ]
        labels = frame(
            MetaLabels,
            t1=[T0 + HOUR * int(t) for t in t1],
            label=[None if np.isnan(y) else int(y) for y in label],
            side=1,
            **key,
        ).filter(pl.col("label").is_not_null())
        events = frame(Events, side=[1 if i % 2 else -1 for i in range(n)], kind="cusum", target=0.01, **key)
        sides = frame(StrategySides, rule="rule", side=[(1, 0, -1)[i % 3] for i in range(n)], **key)
        return {"predictions": pl.concat(said), "strategy_sides": sides, "events": events, "meta_labels": labels}

    return build


def together(given, rule, members=("a", "b", "c"), strategies=()):
    ensemble = EnsembleParams(members=members, strategies=strategies, rule=rule)
    params = EnsemblePredictionsParams(ensembles={"all": ensemble})
    return spec(EnsemblePredictions).schema.validate(ensemble_predictions(**given, params=params))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.kind)
def test_the_stage_combines_what_all_members_said(tables, rule):
    data = raw()
    given = tables(data)
    copies = {name: rows.clone() for name, rows in given.items()}
    found = together(given, rule).sort("t0", "seq")
    weights = rule.weights(data[0], Past.of(*data))
    assert found["probability"].to_numpy() == pytest.approx((weights * data[0]).sum(axis=1))
    members = json.loads(found["members"][140])
    assert [members[name]["version"] for name in "abc"] == ["a2", "b2", "c2"]
    assert [members[name]["weight"] for name in "abc"] == pytest.approx(weights[140].tolist())
    assert found["model_version"].n_unique() == 3
    assert found["side"].to_list() == [1 if i % 2 else -1 for i in range(N)]
    for name, rows in given.items():
        assert_frame_equal(rows, copies[name])


def later_changed(data, i, seed=9):
    """Return the data with everything changed that is not known at the t0 of event i."""
    probability, label, t0, t1 = (values.copy() for values in data)
    random = np.random.default_rng(seed)
    later, unknown = t0 > t0[i], t1 >= t0[i]
    probability[later] = random.uniform(0.02, 0.98, probability[later].shape)
    label[unknown] = 1.0 - label[unknown]
    t1[unknown] = np.maximum(t0[unknown], t0[i]) + random.integers(1, 30, unknown.sum())
    return probability, label, t0, t1


def decides_on_later_rows(tables, rule, strategies=()):
    """Return at how many moments an earlier decision is another one where only what is not yet known differs."""
    data = raw()
    whole = together(tables(data), rule, strategies=strategies)
    n_different = 0
    for i in (12, 40, 75, 110, 140):
        now = T0 + HOUR * int(data[2][i])
        changed = together(tables(later_changed(data, i)), rule, strategies=strategies)
        one, other = (found.filter(pl.col("t0") <= now) for found in (whole, changed))
        n_different += not one.equals(other)
    return n_different


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.kind)
def test_no_decision_sees_what_is_not_known(tables, rule):
    assert decides_on_later_rows(tables, rule) == 0
    assert decides_on_later_rows(tables, rule, strategies=("rule",)) == 0


@pytest.mark.parametrize("rule", RULES[2:], ids=lambda rule: rule.kind)
def test_a_planted_cheat_is_caught(tables, rule, monkeypatch):
    class Cheat(Past):
        @classmethod
        def of(cls, probability, label, t0, t1):
            return super().of(probability, label, t0, t0)  # labels are taken as known when their event begins

    monkeypatch.setattr(stage_module, "Past", Cheat)
    assert decides_on_later_rows(tables, rule) > 0


def test_cv_predictions_do_not_count(tables):
    data = raw()
    given = tables(data)
    cv = tables((1.0 - data[0], *data[1:]), split="cv")["predictions"]
    rule = BestPerformer(window=40, min_past=10)
    both = given | {"predictions": pl.concat([given["predictions"], cv])}
    assert_frame_equal(together(both, rule), together(given, rule))


def test_an_event_that_a_member_did_not_predict_has_no_row(tables):
    given = tables(raw())
    lacks = given["predictions"].filter((pl.col("model") != "b") | (pl.col("seq") >= 30))
    found = together(given | {"predictions": lacks}, Voting())
    assert sorted(found["seq"].to_list()) == list(range(30, N))


def test_nothing_in_nothing_out():
    empty = {table.table: table.empty() for table in ensemble_predictions.reads}
    assert together(empty, Voting()).schema == spec(EnsemblePredictions).polars_schema
    assert ensemble_predictions(**empty, params=EnsemblePredictionsParams()).is_empty()


def test_wrong_ensembles_are_named(tables):
    given = tables(raw(20))
    with pytest.raises(UnknownNameError, match="unknown member of the ensemble 'all' 'd'"):
        together(given, Voting(), members=("a", "d"))
    twice = EnsemblePredictionsParams(ensembles={"a": EnsembleParams(members=("a", "b"), rule=Voting())})
    with pytest.raises(DataError, match="'a' is a model; give the ensemble another name"):
        ensemble_predictions(**given, params=twice)
    turned = given["predictions"].with_columns(
        side=pl.when(pl.col("model") == "b").then(-pl.col("side")).otherwise("side")
    )
    with pytest.raises(DataError, match="'b' has another side than 20 of its events"):
        together(given | {"predictions": turned}, Voting())
    for members in (("a",), ("a", "a")):
        with pytest.raises(ValidationError):
            EnsembleParams(members=members, rule=Voting())


def test_rules_are_read_by_kind():
    read = TypeAdapter(Rule).validate_python
    assert [read(rule.model_dump()) for rule in RULES] == RULES
    given = {"ensembles": {"e": {"members": ["a", "b"], "rule": {"kind": "best_performer", "window": 50}}}}
    assert EnsemblePredictionsParams.model_validate(given).ensembles["e"].rule == BestPerformer(window=50)
    with pytest.raises(ValidationError, match="does not match any of the expected tags"):
        read({"kind": "stacking"})


def test_a_rule_gives_what_its_stance_was_worth_before(tables):
    data = raw()
    _, label, t0, t1 = data
    stance = np.array([(1, 0, -1)[i % 3] * (1 if i % 2 else -1) for i in range(N)], dtype=np.int8)
    found = stance_probability(stance, label, t0, t1)
    for i in range(N):
        alike = [j for j in range(N) if stance[j] == stance[i] and t1[j] < t0[i] and not np.isnan(label[j])]
        assert found[i] == pytest.approx((sum(label[j] for j in alike) + 1) / (len(alike) + 2))
    made = together(tables(data), Voting(), members=("a",), strategies=("rule",)).sort("t0", "seq")
    said = [json.loads(text)["rule"] for text in made["members"]]
    assert [row["probability"] for row in said] == pytest.approx(found.tolist())
    assert {row["version"] for row in said} == {None}


def test_rules_alone_make_an_ensemble(tables):
    given = tables(raw())
    other = given["strategy_sides"].with_columns(rule=pl.lit("other"), side=-pl.col("side"))
    given["strategy_sides"] = pl.concat([given["strategy_sides"], other])
    given["predictions"] = given["predictions"].clear()
    found = together(given, ConfidenceWeighted(), members=(), strategies=("rule", "other"))
    assert found.height == N
    assert found["model_version"].n_unique() == 1
    with pytest.raises(ValidationError, match="two members at least"):
        EnsembleParams(members=(), strategies=("rule",), rule=Voting())
