"""The registry in MLflow: with the real client where it is installed, and what is said where it is not."""

import importlib.util
import json

import pytest
from demo import tsis
from lakes import new_lake, rows

from tsis.core.errors import StoreError
from tsis.core.table import spec
from tsis.runtime.mlflow_log import EXPERIMENT, log_models
from tsis.tables.governance.models import Models

HAS_MLFLOW = importlib.util.find_spec("mlflow") is not None


@pytest.fixture
def lake(tmp_path):
    lake = new_lake(tmp_path / "lake")
    given = {
        "model": "m",
        "split": "walk_forward",
        "fold": 0,
        "features": '["a"]',
        "params": '{"seed": 7, "kind": "x"}',
    }
    model = rows(spec(Models).name, 1, **given, model_version="v" * 64, estimator="xgboost", artifact=b"bytes")
    stats = rows("analytics.model_stats", 1, model="m", split="cv", fold=0, auc=0.5)
    with lake.transaction(["governance.models", "analytics.model_stats"]) as transaction:
        transaction.replace("governance.models", model)
        transaction.replace("analytics.model_stats", stats)
        transaction.commit("test")
    return lake


@pytest.mark.skipif(HAS_MLFLOW, reason="MLflow is installed")
def test_without_mlflow_it_says_what_to_install(lake):
    done = tsis("models", "log", "http://127.0.0.1:1", lake=lake.root, check=False)
    assert (done.returncode, "pip install 'tsis[mlflow]'" in done.stderr) == (2, True)


@pytest.mark.skipif(not HAS_MLFLOW, reason="needs the extra mlflow")
def test_a_model_is_one_run_however_often_it_is_logged(lake, tmp_path, monkeypatch):
    from mlflow.tracking import MlflowClient

    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    uri = (tmp_path / "mlflow").as_uri()
    assert log_models(lake, uri) == (1, 0)
    assert log_models(lake, uri) == (0, 1)
    client = MlflowClient(tracking_uri=uri)
    (run,) = client.search_runs([client.get_experiment_by_name(EXPERIMENT).experiment_id])
    assert run.data.params == {"seed": "7", "kind": "x"}
    assert run.data.metrics["cv.auc"] == 0.5
    assert run.data.tags["tsis.version"] == "v" * 64
    assert (run.data.tags["tsis.stage"], run.data.tags["tsis.gate"]) == ("candidate", "not judged")
    stored = {item.path for item in client.list_artifacts(run.info.run_id)}
    assert stored == {"entry.json", f"{'v' * 64}.ubj"}
    entry = json.loads((tmp_path / "mlflow").rglob("entry.json").__next__().read_text())
    assert entry["name"] == "m"


@pytest.mark.skipif(not HAS_MLFLOW, reason="needs the extra mlflow")
def test_a_server_that_is_not_there_is_said(lake, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(StoreError, match=r"MLflow at http://127\.0\.0\.1:1: "):
        log_models(lake, "http://127.0.0.1:1")
