"""The registry over a small lake: what it says, who may be promoted, what is read, and what is refused."""

import json
import shutil
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from demo import tsis
from lakes import new_lake, rows

from tsis.core.clock import FrozenClock
from tsis.core.errors import DataError, IntegrityError, UnknownNameError, UsageError
from tsis.governance.model_registry import find_entry
from tsis.governance.model_store import active_model, read_registry
from tsis.lake.check import check_lake
from tsis.models.estimator import fit
from tsis.models.estimators.logistic import LogisticParams
from tsis.models.estimators.xgboost import XgboostParams
from tsis.models.sample import Sample
from tsis.runtime.explain import explain_event
from tsis.runtime.registry import entries_of, promote, retire, verify_registry, write_registry

AT = datetime(2026, 1, 5, 9, tzinfo=UTC)
FEATURES = ("a", "b")


def sample(seed=1):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(200, 2))
    return Sample(x, (x[:, 0] + rng.normal(size=200) > 0).astype(float), np.ones(200), FEATURES)


def fitted(seed=1):
    return {"m": fit(sample(seed), XgboostParams(n_rounds=5)), "line": fit(sample(seed), LogisticParams())}


def models_table(fits):
    parts = [
        rows(
            "governance.models",
            1,
            model=name,
            split=split,
            fold=fold,
            model_version=one.version,
            estimator=one.kind,
            features=json.dumps(FEATURES),
            params=one.estimator_params,
            artifact=one.artifact,
            n_train=200,
        )
        for name, one in fits.items()
        for split, fold in (("cv", 0), ("walk_forward", 0), ("walk_forward", 1))
    ]
    return pl.concat(parts)


def stats_table():
    return rows(
        "analytics.model_stats",
        4,
        model=["m"] * 4,
        split=["cv", "cv", "walk_forward", "walk_forward"],
        fold=[0, 1, 0, 1],
        auc=[0.5, 0.6, None, 0.55],
        log_loss=0.7,
    )


def publish(lake, **tables):
    with lake.transaction([name.replace("__", ".") for name in tables]) as transaction:
        for name, frame in tables.items():
            transaction.replace(name.replace("__", "."), frame)
        transaction.commit("test")


def judge(lake, strategy="m", *, passed=True, **other):
    """Append a verdict on the results in the lake."""
    n = lake.scan("governance.verdicts").collect().height
    told = {"is_edge_shown": passed, "verdict": "passed" if passed else "DSR 0.10 is below 0.98"}
    told |= {"is_passed": passed, "reasons": "[]" if passed else json.dumps(["DSR 0.10 is below 0.98", "9 trades"])}
    told |= {"stats_version": lake.snapshot().tables["analytics.strategy_stats"], "chain_head": "0" * 64} | other
    lake.append(
        "governance.verdicts",
        rows(
            "governance.verdicts",
            1,
            strategy_id=strategy,
            run_id=f"run{n}",
            judged_at=AT + timedelta(minutes=n),
            n_trials=3,
            **told,
        ),
    )


@pytest.fixture(scope="module")
def fits():
    return fitted()


@pytest.fixture(scope="module")
def made(fits, tmp_path_factory):
    lake = new_lake(tmp_path_factory.mktemp("registry") / "lake")
    publish(
        lake,
        governance__models=models_table(fits),
        analytics__model_stats=stats_table(),
        analytics__strategy_stats=rows("analytics.strategy_stats", 1, strategy_id="m"),
    )
    version = lake.snapshot().tables["governance.models"]
    lake.append(
        "governance.runs",
        rows(
            "governance.runs",
            2,
            run_id=["r1", "r2"],
            stage="predictions",
            status="success",
            code_version=["c1", "c2"],
            inputs=json.dumps({"ml_dataset.dataset": "d" * 64}),
            outputs=[json.dumps({"governance.models": version}), json.dumps({"governance.models": "other"})],
            started_at=[AT, AT + timedelta(hours=1)],
        ),
    )
    return lake


@pytest.fixture
def lake(made, tmp_path):
    shutil.copytree(made.root, tmp_path / "lake")
    return new_lake(tmp_path / "lake")


def test_it_says_what_each_model_is(lake, fits):
    entries = write_registry(lake)
    assert read_registry(lake.root) == entries
    assert [(entry["name"], entry["stage"], entry["estimator"]) for entry in entries] == [
        ("line", "candidate", "logistic"),
        ("m", "candidate", "xgboost"),
    ]
    entry = entries[1]
    assert (entry["version"], entry["fold"], entry["n_train"]) == (fits["m"].version, 1, 200)
    assert (entry["code_version"], entry["data_version"]) == ("c1", "d" * 64)  # of the run that left this table
    assert entry["features"] == list(FEATURES)
    assert entry["metrics"]["cv"]["auc"] == pytest.approx(0.55)
    assert entry["metrics"]["walk_forward"] == {
        "auc": pytest.approx(0.55),
        "log_loss": pytest.approx(0.7),
        "brier": 1.0,
        "f1": None,
        "n_folds": 2.0,
    }
    assert entry["gate"] is None
    assert entries[0]["metrics"]["cv"]["auc"] is None
    for one in entries:
        assert (lake.root / one["artifact"]).read_bytes() == fits[one["name"]].artifact
    before = (lake.root / "governance/model_registry.json").stat().st_mtime_ns
    assert write_registry(lake) == entries
    assert (lake.root / "governance/model_registry.json").stat().st_mtime_ns == before


def test_nothing_is_promoted_past_the_gate(lake):
    clock = FrozenClock(AT)
    with pytest.raises(DataError, match=r"model 'm' .* stays candidate: the gate has not judged a strategy 'm'"):
        promote(lake, "m", "try", clock)
    judge(lake, passed=True)
    judge(lake, passed=False)
    with pytest.raises(DataError, match=r"stays candidate: the gate: DSR 0\.10 is below 0\.98; the gate: 9 trades"):
        promote(lake, "m", "try", clock)
    judge(lake, passed=True, stats_version="0" * 64)
    with pytest.raises(DataError, match="is on other results than those in the lake"):
        promote(lake, "m", "try", clock)
    with pytest.raises(UnknownNameError, match="unknown model 'n'"):
        promote(lake, "n", "try", clock)
    assert lake.scan("governance.model_stages").collect().is_empty()
    with pytest.raises(DataError, match=r"model 'm' has no active version \(1 known\): nothing is predicted"):
        active_model(lake.root, "m")


def test_a_verdict_whose_trials_are_gone_promotes_nothing(lake):
    judge(lake, passed=True, chain_head="f" * 64)
    with pytest.raises(IntegrityError, match="its tail was cut"):
        promote(lake, "m", "try", FrozenClock(AT))


def test_what_passes_becomes_active_and_is_what_is_loaded(lake, fits):
    judge(lake, passed=True)
    entry = promote(lake, "m", "passed", FrozenClock(AT))
    assert (entry["stage"], entry["active_from"], entry["active_to"]) == ("active", AT.isoformat(), None)
    model = active_model(lake.root, "m")
    x = sample().x
    np.testing.assert_array_equal(model.probability(x, FEATURES), fits["m"].probability(x))
    row = lake.scan("governance.model_stages").collect().row(0, named=True)
    assert (row["model_version"], row["reason"], row["verdict_run_id"]) == (fits["m"].version, "passed", "run0")
    assert json.loads(row["entry"])["gate"]["is_passed"] is True
    with pytest.raises(DataError, match="it is active already"):
        promote(lake, "m", "again", FrozenClock(AT))
    verify_registry(lake)
    assert not list(check_lake(lake))


def test_a_refit_is_a_candidate_beside_the_active_version_and_takes_its_place_only_through_the_gate(lake, fits):
    judge(lake, passed=True)
    promote(lake, "m", "passed", FrozenClock(AT))
    newer = fitted(seed=2)
    publish(lake, governance__models=models_table(newer))
    entries = write_registry(lake)
    assert [(entry["name"], entry["stage"], entry["is_newest"]) for entry in entries] == [
        ("line", "candidate", True),
        ("m", "candidate", True),
        ("m", "active", False),
    ]
    assert entries[1]["code_version"] is None  # no run is known to have left this table
    assert active_model(lake.root, "m").version == fits["m"].version
    with pytest.raises(DataError, match="is not the newest refit"):
        promote(lake, f"m@{fits['m'].version[:8]}", "back", FrozenClock(AT))
    judge(lake, passed=True)
    later = FrozenClock(AT + timedelta(days=1))
    assert promote(lake, "m", "newer", later)["version"] == newer["m"].version
    stages = {entry["version"]: entry["stage"] for entry in read_registry(lake.root) if entry["name"] == "m"}
    assert stages == {newer["m"].version: "active", fits["m"].version: "retired"}
    old = find_entry(read_registry(lake.root), f"m@{fits['m'].version[:12]}")
    assert (old["active_from"], old["active_to"]) == (AT.isoformat(), later.now().isoformat())
    # the line of before is of no use any more, the retired model is kept
    kept = {path.name.partition(".")[0] for path in (lake.root / "governance/artifacts").iterdir()}
    assert kept == {newer["m"].version, newer["line"].version, fits["m"].version}


def test_what_is_retired_is_not_loaded(lake):
    judge(lake, passed=True)
    promote(lake, "m", "passed", FrozenClock(AT))
    assert retire(lake, "m", "decayed", FrozenClock(AT + timedelta(hours=1)))["stage"] == "retired"
    with pytest.raises(DataError, match="no active version"):
        active_model(lake.root, "m")
    with pytest.raises(UsageError, match="is retired, not active: nothing to retire"):
        retire(lake, "m", "again", FrozenClock(AT))
    with pytest.raises(UsageError, match="is candidate, not active"):
        retire(lake, "line", "never was", FrozenClock(AT))


def test_what_was_tampered_with_is_not_read(lake):
    judge(lake, passed=True)
    entry = promote(lake, "m", "passed", FrozenClock(AT))
    registry, path = lake.root / "governance/model_registry.json", lake.root / entry["artifact"]
    good, model = registry.read_text(), path.read_bytes()
    path.write_bytes(model.replace(b"binary:logistic", b"binary:logitraw"))
    with pytest.raises(IntegrityError, match="was altered, or is another model"):
        active_model(lake.root, "m")
    with pytest.raises(IntegrityError, match="was altered, or is another model"):
        verify_registry(lake)
    path.unlink()
    with pytest.raises(IntegrityError, match="the registry names it and it is missing"):
        active_model(lake.root, "m")
    path.write_bytes(model)
    registry.write_text(good.replace('"a",', '"z",'))
    with pytest.raises(IntegrityError, match="it learnt 2 features as xgboost, and the registry says 2"):
        active_model(lake.root, "m")
    registry.write_text(good.replace('"stage": "candidate"', '"stage": "active"'))
    with pytest.raises(IntegrityError, match=r"model 'line' .* is active, and by the log of stages candidate"):
        verify_registry(lake)
    registry.write_text("[]")
    with pytest.raises(IntegrityError, match="not a registry"):
        active_model(lake.root, "m")
    registry.unlink()
    with pytest.raises(DataError, match="there is no registry, and so no model"):
        active_model(lake.root, "m")


def test_names_and_versions_are_found(lake, fits):
    entries = entries_of(lake)
    assert find_entry(entries, f"m@{fits['m'].version[:6]}")["name"] == "m"
    with pytest.raises(UsageError, match="0 versions begin with 'zz'; there are"):
        find_entry(entries, "m@zz")
    with pytest.raises(UnknownNameError, match="unknown model 'lin'; did you mean 'line'"):
        find_entry(entries, "lin")


def test_the_command_line_lists_shows_compares_and_refuses(lake, fits):
    def ask(*arguments, rc=0):
        done = tsis("models", *arguments, lake=lake.root, check=False)
        assert done.returncode == rc, done.stderr
        return done.stdout if rc == 0 else done.stderr

    judge(lake, passed=False)
    write_registry(lake)
    listed = ask("list")
    assert fits["m"].version[:12] in listed
    assert "2 models, 0 active" in listed
    shown = ask("show", "m")
    for text in (
        fits["m"].version,
        "200 rows",
        "d" * 64,
        "walk_forward",
        "Missing for promotion:",
        "DSR 0.10 is below 0.98",
        "9 trades",
    ):
        assert text in shown
    told = json.loads(ask("show", "m", "--json"))
    assert any("DSR 0.10" in reason for reason in told["missing_for_promotion"])
    compared = ask("compare", "m", "line")
    assert "xgboost" in compared
    assert "logistic" in compared
    assert "stays candidate: the gate" in ask("promote", "m", "--reason", "try", rc=1)
    assert "did you mean 'line'" in ask("show", "lien", rc=2)
    assert "are one model" in ask("compare", "m", "m", rc=2)
    assert "--reason must say why" in ask("retire", "m", "--reason", " ", rc=2)
    assert "nothing to retire" in ask("retire", "m", "--reason", "old", rc=2)
    judge(lake, passed=True)
    assert "is active since" in ask("promote", "m", "--reason", "passed")
    assert "2 models, 1 active" in ask("list")
    assert "is retired since" in ask("retire", "m", "--reason", "decayed")


def test_a_lake_without_models_says_what_to_do(tmp_path):
    lake = new_lake(tmp_path / "lake")
    lake.append("governance.runs", rows("governance.runs", 1))
    assert write_registry(lake) == []
    verify_registry(lake)
    with pytest.raises(UnknownNameError, match="unknown model 'm'; known: none"):
        active_model(lake.root, "m")
    done = tsis("models", "list", lake=lake.root, check=False)
    assert (done.returncode, "'tsis run predictions' fits those" in done.stderr) == (1, True)
    nowhere = tsis("models", "list", lake=tmp_path / "nowhere", check=False)
    assert (nowhere.returncode, "no lake in" in nowhere.stderr) == (2, True)


def given(fits, x, stored_probability):
    """A lake of frames with one prediction of the model m."""
    key = {"ticker": ["A"], "bar_spec": ["time_1d"], "t0": [AT], "seq": [0]}
    made = {"model": ["m"], "split": ["walk_forward"], "fold": [1], "side": [1], "probability": [stored_probability]}
    tables = {
        "signals.predictions": pl.DataFrame({**key, **made, "model_version": [fits["m"].version]}),
        "governance.models": models_table(fits),
        "ml_dataset.event_features": pl.DataFrame({**key, "b": [float(x[1])], "a": [float(x[0])], "more": [1.0]}),
    }
    return SimpleNamespace(scan=lambda name, *_: tables[name].lazy())


def test_a_stored_prediction_is_taken_apart_from_its_own_artefact_and_row(fits):
    x = sample().x[0]
    probability = float(fits["m"].probability(x[None])[0])
    told = explain_event(given(fits, x, probability), "m", "A", AT)
    assert told.explanation.probability == probability == told.prediction["probability"]
    assert {part.feature: part.value for part in told.explanation.contributions} == {"a": x[0], "b": x[1]}
    assert explain_event(given(fits, x, probability), "m", "A").prediction["t0"] == AT
    with pytest.raises(UnknownNameError, match="unknown ticker of model 'm' 'B'"):
        explain_event(given(fits, x, probability), "m", "B")
    with pytest.raises(DataError, match=r"predicted nothing of A at 2026-01-06.*the nearest event is at 2026-01-05"):
        explain_event(given(fits, x, probability), "m", "A", AT + timedelta(days=1))
    with pytest.raises(IntegrityError, match="is not that of then"):
        explain_event(given(fits, x, 0.123), "m", "A")
