"""Which model is asked about which event, and what is said where none is."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from lakes import rows

from tsis.core.errors import IntegrityError
from tsis.core.table import spec
from tsis.governance.model_stages import Change, chained
from tsis.live.serving import NOT_ACTIVE, OTHER_FEATURES, Refit, Served, active, predict
from tsis.models.artifact import LoadedModel, load_model
from tsis.models.estimator import fit
from tsis.models.estimators.logistic import LogisticParams
from tsis.models.sample import Sample
from tsis.tables.governance.model_stages import ModelStages

T0 = datetime(2020, 1, 6, 21, tzinfo=UTC)


def model(slope: float, features: tuple[str, ...] = ("a",)) -> LoadedModel:
    """Return a model that says more or less where `a` is larger."""
    return load_model(*stored_model(slope, features))


def stored_model(slope: float, features: tuple[str, ...] = ("a",)) -> tuple[bytes, str]:
    """Return its artefact and version."""
    x = np.linspace(-1.0, 1.0, 40)
    label = (slope * x > 0).astype(float)
    columns = np.column_stack([x] * len(features))
    fitted = fit(Sample(columns, label, np.ones(40), features), LogisticParams())
    return fitted.artifact, fitted.version


def events(n: int, **features: float):
    base = rows("ml_dataset.event_features", n, t0=[T0 + timedelta(days=day) for day in range(n)], side=1)
    return base.with_columns(**{name: np.full(n, value) for name, value in features.items()})


BARS = rows("processed_features.information_bars", 0)


def test_each_refit_answers_from_its_first_event_on():
    first, second = Refit(model(1.0), 0, T0 + timedelta(days=1)), Refit(model(-1.0), 1, T0 + timedelta(days=3))
    found, _ = predict(Served("m", (first, second), "why"), events(5, a=0.5), BARS)
    assert found["t0"].to_list() == [T0 + timedelta(days=day) for day in range(1, 5)]
    assert found["fold"].to_list() == [0, 0, 1, 1]
    assert found["model_version"].to_list() == [first.model.version] * 2 + [second.model.version] * 2
    assert (found["probability"] > 0.5).to_list() == [True, True, False, False]
    assert found["split"].unique().to_list() == ["live"]


def test_without_a_model_nothing_is_predicted_and_the_reason_is_said():
    found, why = predict(Served("m", (), NOT_ACTIVE), events(2, a=0.5), BARS)
    assert (found.height, why) == (0, NOT_ACTIVE)


def test_a_model_of_other_features_is_not_asked():
    found, why = predict(Served("m", (Refit(model(1.0, ("a", "b")), 0, None),), NOT_ACTIVE), events(2, a=0.5), BARS)
    assert (found.height, why) == (0, OTHER_FEATURES)


@pytest.mark.parametrize("stage", ["candidate", "retired"])
def test_only_an_active_version_is_served(stage, tmp_path):
    artifact, version = stored_model(1.0)
    path = tmp_path / "governance" / "artifacts" / "m.skops"
    entry = {"name": "m", "version": version, "estimator": "logistic", "features": ["a"], "stage": stage}
    entry["artifact"] = "governance/artifacts/m.skops"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"not the model")
    registry = tmp_path / "governance" / "model_registry.json"
    registry.write_text(json.dumps({"models": [entry]}))
    nobody = spec(ModelStages).empty()
    assert active(tmp_path, "m", nobody).refits == ()
    registry.write_text(json.dumps({"models": [{**entry, "stage": "active"}]}))
    with pytest.raises(IntegrityError, match="SHA-256"):
        active(tmp_path, "m", nobody)
    path.write_bytes(artifact)
    with pytest.raises(IntegrityError, match=r"active by model_registry\.json and unknown by governance\.model_stages"):
        active(tmp_path, "m", nobody)
    promoted = chained(nobody, [Change("m", version, "active", "passed", "{}", None, T0)])
    assert [refit.model.version for refit in active(tmp_path, "m", promoted).refits] == [version]
    retired = chained(promoted, [Change("m", version, "retired", "decayed", "{}", None, T0)])
    with pytest.raises(IntegrityError, match=r"and retired by governance\.model_stages"):
        active(tmp_path, "m", pl.concat([promoted, retired]))
    with pytest.raises(IntegrityError, match="chain is broken"):
        active(tmp_path, "m", promoted.with_columns(model=pl.lit("line")))


def test_without_a_registry_there_is_no_active_model(tmp_path):
    assert active(tmp_path, "m", spec(ModelStages).empty()) == Served("m", (), NOT_ACTIVE)
