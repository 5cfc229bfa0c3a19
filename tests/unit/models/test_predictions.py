import hashlib
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tsis.core.errors import DataError
from tsis.core.table import spec
from tsis.models.estimator import XgboostParams
from tsis.models.predictions import ModelParams, PredictionsParams, predictions
from tsis.tables.ml_dataset.dataset import Dataset
from tsis.tables.reference.tickers_dim import TickersDim

START = datetime(2010, 1, 1, 21, tzinfo=UTC)
PARAMS = PredictionsParams(
    models={
        "daily": ModelParams(
            asset_class="equity", bar_spec="time_1d", min_train=60, refit_every=50, xgboost=XgboostParams(n_rounds=8)
        ),
        "absent": ModelParams(asset_class="crypto", bar_spec="time_1h"),
    }
)


@pytest.fixture
def tickers(frame):
    return frame(TickersDim, ticker=["A", "B"], asset_class="equity")


@pytest.fixture
def dataset(frame):
    rng = np.random.default_rng(5)
    n = 120
    parts = []
    for ticker in ("A", "B"):
        days = np.sort(rng.choice(400, n, replace=False)).tolist()
        t0 = [START + timedelta(days=d) for d in days]
        t1 = [t + timedelta(days=int(k)) for t, k in zip(t0, rng.integers(1, 9, n), strict=True)]
        x = rng.normal(size=n)
        label = (x + rng.normal(size=n) > 0).astype(int)
        rows = frame(
            Dataset,
            ticker=[ticker] * n,
            bar_spec="time_1d",
            t0=t0,
            t1=t1,
            seq=0,
            side=1,
            label=label.tolist(),
            sample_weight=rng.uniform(0.1, 2, n).tolist(),
        )
        parts.append(rows.with_columns(pl.Series("x", x), pl.Series("gappy", x).set(pl.Series(x > 1), None)))
    return pl.concat(parts).sort(spec(Dataset).key)


def test_walk_forward_knows_only_what_had_ended(dataset, tickers):
    made, models, stats, importance = predictions(dataset, tickers, PARAMS)
    forward = models.filter(pl.col("split") == "walk_forward")
    assert forward.height == 4
    assert (forward["trained_to"] < forward["valid_from"]).all()
    assert forward["n_train"].is_sorted()
    rows = made.filter(pl.col("split") == "walk_forward")
    assert (rows["predicted_at"] == rows["t0"]).all()
    assert rows.select("ticker", "t0").is_duplicated().sum() == 0
    assert set(made["model"]) == {"daily"}
    assert stats.filter(pl.col("split") == "cv")["n_test"].sum() == dataset.height
    assert importance["importance"].sum() == pytest.approx(1.0)


def test_cv_predictions_cover_all_rows_and_say_that_they_saw_the_future(dataset, tickers):
    made, models, _, _ = predictions(dataset, tickers, PARAMS)
    rows = made.filter(pl.col("split") == "cv").join(models, on=["model", "split", "fold"])
    assert rows.height == dataset.height
    assert (rows["predicted_at"] >= rows["trained_to"]).all()
    assert (rows["predicted_at"] > rows["t0"]).any()


def test_every_prediction_resolves_to_a_stored_artifact(dataset, tickers):
    made, models, _, _ = predictions(dataset, tickers, PARAMS)
    assert [hashlib.sha256(bytes_).hexdigest() for bytes_ in models["artifact"]] == models["model_version"].to_list()
    assert made.join(models, on=["model", "model_version", "split", "fold"], how="anti").is_empty()


def test_the_future_does_not_reach_an_earlier_walk_forward_prediction(dataset, tickers):
    cut = START + timedelta(days=300)
    shuffled = dataset.with_columns(
        pl.when(pl.col("t1") >= cut).then(1 - pl.col("label")).otherwise("label").cast(pl.Int8).alias("label"),
        pl.when(pl.col("t0") >= cut).then(-pl.col("x")).otherwise("x").alias("x"),
    )
    known = pl.col("split").eq("walk_forward") & (pl.col("predicted_at") < cut)
    before, after = (predictions(rows, tickers, PARAMS)[0] for rows in (dataset, shuffled))
    assert before.filter(known).height > 50
    assert_frame_equal(before.filter(known), after.filter(known))
    assert not before.equals(after)


def test_same_rows_in_another_order_give_the_same_frames_and_inputs_stay(dataset, tickers):
    copy = dataset.clone()
    first = predictions(dataset, tickers, PARAMS)
    second = predictions(dataset.sample(fraction=1.0, shuffle=True, seed=1), tickers, PARAMS)
    for a, b in zip(first, second, strict=True):
        assert_frame_equal(a, b)
    assert_frame_equal(dataset, copy)


def test_nothing_in_nothing_out(tickers):
    results = predictions(spec(Dataset).empty(), tickers, PARAMS)
    assert [frame.height for frame in results] == [0, 0, 0, 0]
    assert [frame.schema for frame in results] == [table.polars_schema for table in predictions.writes]


def test_too_few_rows_say_how_many_are_needed(dataset, tickers):
    with pytest.raises(
        DataError, match=r"model 'daily': 30 labelled events of equity time_1d; needs more than min_train = 60"
    ):
        predictions(dataset.head(30), tickers, PARAMS)


def test_one_class_no_feature_unknown_ticker_and_endless_labels_are_refused(dataset, tickers):
    with pytest.raises(DataError, match="240 labelled events of equity time_1d, 240 of them positive"):
        predictions(dataset.with_columns(pl.lit(1, pl.Int8).alias("label")), tickers, PARAMS)
    with pytest.raises(DataError, match="no feature column"):
        predictions(dataset.drop("x", "gappy"), tickers, PARAMS)
    with pytest.raises(DataError, match=r"1 tickers are not in reference.tickers_dim \(B\)"):
        predictions(dataset, tickers.head(1), PARAMS)
    endless = dataset.with_columns(pl.lit(START + timedelta(days=900)).alias("t1"))
    with pytest.raises(DataError, match="cv fold 0 of 5 has no training row left"):
        predictions(endless, tickers, PARAMS)
