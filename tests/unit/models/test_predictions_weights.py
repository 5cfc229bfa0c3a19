"""The weights of a model's training rows are made of these rows alone."""

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from tsis.core.table import spec
from tsis.models.estimator import fit
from tsis.models.estimators.xgboost import XgboostParams
from tsis.models.fold_weights import FoldWeightsParams, class_balance, time_decay
from tsis.models.predictions import ModelParams, PredictionsParams, predictions
from tsis.models.purged_k_fold import purged_k_fold
from tsis.models.retraining import RetrainingParams, refit_points
from tsis.models.sample import Sample
from tsis.models.walk_forward import walk_forward_from
from tsis.tables.ml_dataset.dataset import Dataset
from tsis.tables.ml_dataset.event_features import EventFeatures
from tsis.tables.processed_features.information_bars import InformationBars
from tsis.tables.reference.tickers_dim import TickersDim

START = datetime(2010, 1, 1, 21, tzinfo=UTC)
TREES = XgboostParams(n_rounds=5, min_child_weight=1.0)
MODEL = {
    "asset_class": "equity",
    "bar_spec": "time_1d",
    "n_folds": 3,
    "min_train": 60,
    "retraining": RetrainingParams(min_hours=0, min_labels=50),
}


@pytest.fixture
def dataset(frame):
    rng = np.random.default_rng(8)
    n = 150
    t0 = [START + timedelta(days=2 * k) for k in range(n)]
    x = rng.normal(size=n)
    rows = frame(
        Dataset,
        ticker="A",
        bar_spec="time_1d",
        t0=t0,
        t1=[t + timedelta(days=int(k)) for t, k in zip(t0, rng.integers(1, 9, n), strict=True)],
        seq=0,
        side=1,
        label=(x + rng.normal(size=n) > 0.5).astype(int).tolist(),
        average_uniqueness=rng.uniform(0.1, 1.0, n).tolist(),
        sample_weight=rng.uniform(0.1, 2.0, n).tolist(),
    )
    return rows.with_columns(pl.Series("x", x))


def versions(dataset, frame, weighting):
    params = PredictionsParams(models={"m": ModelParams(**MODEL, fold_weights=weighting, estimator=TREES)})
    asked = dataset.select(*spec(EventFeatures).columns, "x")
    tickers = frame(TickersDim, ticker=["A"], asset_class="equity")
    models = predictions(dataset, asked, spec(InformationBars).empty(), tickers, params)[1]
    assert {json.dumps(json.loads(text)["fold_weights"]) for text in models["params"]} == {
        json.dumps(weighting.model_dump(), sort_keys=True)
    }
    return models.sort("split", "fold")["model_version"].to_list()


def expected(dataset, weigh):
    """Fit each training set of both kinds of split by hand; `weigh` sees these rows only."""
    t0, t1 = (dataset[name].to_physical().to_numpy() for name in ("t0", "t1"))
    splits = [
        *purged_k_fold(t0, t1, 3, 0.01),
        *walk_forward_from(t0, t1, refit_points(t0, t1, 60, MODEL["retraining"])),
    ]
    x, label = dataset.select("x").to_numpy(), dataset["label"].to_numpy().astype(float)
    return [fit(Sample(x[train], label[train], weigh(dataset[train]), ("x",)), TREES).version for train, _ in splits]


def column(rows, name):
    return rows[name].to_numpy()


WEIGHTINGS = {
    "as stored": (FoldWeightsParams(), lambda rows: column(rows, "sample_weight")),
    "decay": (
        FoldWeightsParams(oldest_frac=0.3),
        lambda rows: column(rows, "sample_weight") * time_decay(column(rows, "average_uniqueness"), 0.3),
    ),
    "forgetting": (
        FoldWeightsParams(oldest_frac=-0.4),
        lambda rows: column(rows, "sample_weight") * time_decay(column(rows, "average_uniqueness"), -0.4),
    ),
    "balance": (
        FoldWeightsParams(is_balanced=True),
        lambda rows: class_balance(column(rows, "label").astype(float), column(rows, "sample_weight")),
    ),
}


@pytest.mark.parametrize("name", WEIGHTINGS)
def test_every_fit_weighs_its_own_training_rows(dataset, frame, name):
    weighting, weigh = WEIGHTINGS[name]
    assert versions(dataset, frame, weighting) == expected(dataset, weigh)


def test_weightings_differ(dataset, frame):
    found = [tuple(versions(dataset, frame, weighting)) for weighting, _ in WEIGHTINGS.values()]
    assert len(set(found)) == len(found)
