import hashlib
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tsis.core.errors import DataError
from tsis.core.table import spec
from tsis.models.artifact import load_model
from tsis.models.estimator import estimators
from tsis.models.estimators.xgboost import XgboostParams
from tsis.models.predictions import ModelParams, PredictionsParams, predictions
from tsis.models.retraining import RetrainingParams
from tsis.tables.ml_dataset.dataset import Dataset
from tsis.tables.ml_dataset.event_features import EventFeatures
from tsis.tables.processed_features.information_bars import InformationBars
from tsis.tables.reference.tickers_dim import TickersDim

START = datetime(2010, 1, 1, 21, tzinfo=UTC)
PARAMS = PredictionsParams(
    models={
        "daily": ModelParams(
            asset_class="equity",
            bar_spec="time_1d",
            min_train=60,
            retraining=RetrainingParams(min_hours=0, min_labels=50),
            estimator=XgboostParams(n_rounds=8),
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


def asked(rows):
    """Return the events of labelled rows as a model is asked about them."""
    return rows.select(*spec(EventFeatures).columns, *[name for name in rows.columns if name in ("x", "gappy")])


def predict(rows, tickers, event_features=None):
    """Call the stage; by default all events are labelled."""
    events = asked(rows) if event_features is None else event_features
    return predictions(rows, events, spec(InformationBars).empty(), tickers, PARAMS)


def test_walk_forward_knows_only_what_had_ended(dataset, tickers):
    made, models, stats, importance = predict(dataset, tickers)
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
    made, models, _, _ = predict(dataset, tickers)
    rows = made.filter(pl.col("split") == "cv").join(models, on=["model", "split", "fold"])
    assert rows.height == dataset.height
    assert (rows["predicted_at"] >= rows["trained_to"]).all()
    assert (rows["predicted_at"] > rows["t0"]).any()


def test_every_prediction_resolves_to_a_stored_artifact(dataset, tickers):
    made, models, _, _ = predict(dataset, tickers)
    assert [hashlib.sha256(bytes_).hexdigest() for bytes_ in models["artifact"]] == models["model_version"].to_list()
    assert made.join(models, on=["model", "model_version", "split", "fold"], how="anti").is_empty()


def test_the_future_does_not_reach_an_earlier_walk_forward_prediction(dataset, tickers):
    cut = START + timedelta(days=300)
    shuffled = dataset.with_columns(
        pl.when(pl.col("t1") >= cut).then(1 - pl.col("label")).otherwise("label").cast(pl.Int8).alias("label"),
        pl.when(pl.col("t0") >= cut).then(-pl.col("x")).otherwise("x").alias("x"),
    )
    known = pl.col("split").eq("walk_forward") & (pl.col("predicted_at") < cut)
    before, after = (predict(rows, tickers)[0] for rows in (dataset, shuffled))
    assert before.filter(known).height > 50
    assert_frame_equal(before.filter(known), after.filter(known))
    assert not before.equals(after)


def test_a_cut_at_a_moment_leaves_what_was_known_as_it_was(dataset, tickers):
    """Labels and events of later moments neither move a refit nor change a probability of the past."""
    made, models, _, _ = predict(dataset, tickers)
    forward = made.filter(pl.col("split") == "walk_forward").sort("t0", "ticker")
    for n in (0, 3, 49, 50, 51, forward.height - 1):
        moment = forward["t0"][n]
        known, events = dataset.filter(pl.col("t1") <= moment), asked(dataset.filter(pl.col("t0") <= moment))
        assert known.height < events.height
        ended, ended_models, stats, _ = predict(known, tickers, events)
        then = pl.col("split").eq("walk_forward") & (pl.col("t0") <= moment)
        assert_frame_equal(ended.filter(pl.col("split") == "walk_forward"), made.filter(then), check_exact=True)
        fitted = [
            frame.filter(pl.col("split").eq("walk_forward") & (pl.col("valid_from") <= moment)).drop("valid_to")
            for frame in (ended_models, models)
        ]
        assert_frame_equal(fitted[0], fitted[1], check_exact=True)
        scored = stats.filter(pl.col("split") == "walk_forward")["n_test"].sum()
        assert scored == known.join(ended.filter(then), on=["ticker", "t0"], how="semi").height
        assert ended.filter(pl.col("split") == "cv").height == known.height


def test_a_model_with_open_events_only_is_left_out(dataset, tickers):
    assert [rows.height for rows in predict(dataset.clear(), tickers, asked(dataset))] == [0, 0, 0, 0]


def test_same_rows_in_another_order_give_the_same_frames_and_inputs_stay(dataset, tickers):
    copy = dataset.clone()
    first = predict(dataset, tickers)
    second = predict(dataset.sample(fraction=1.0, shuffle=True, seed=1), tickers)
    for a, b in zip(first, second, strict=True):
        assert_frame_equal(a, b)
    assert_frame_equal(dataset, copy)


def test_nothing_in_nothing_out(tickers):
    results = predictions(
        *(spec(table).empty() for table in (Dataset, EventFeatures, InformationBars)), tickers, PARAMS
    )
    assert [frame.height for frame in results] == [0, 0, 0, 0]
    assert [frame.schema for frame in results] == [table.polars_schema for table in predictions.writes]


def test_too_few_rows_say_how_many_are_needed(dataset, tickers):
    with pytest.raises(
        DataError, match=r"model 'daily': 30 labelled events of equity time_1d; needs at least min_train = 60"
    ):
        predict(dataset.head(30), tickers)


def test_one_class_no_feature_unknown_ticker_and_endless_labels_are_refused(dataset, tickers):
    with pytest.raises(DataError, match="240 labelled events of equity time_1d, 240 of them positive"):
        predict(dataset.with_columns(pl.lit(1, pl.Int8).alias("label")), tickers)
    with pytest.raises(DataError, match="no feature column"):
        predict(dataset.drop("x", "gappy"), tickers)
    with pytest.raises(DataError, match=r"1 tickers are not in reference.tickers_dim \(B\)"):
        predict(dataset, tickers.head(1))
    endless = dataset.with_columns(pl.lit(START + timedelta(days=900)).alias("t1"))
    with pytest.raises(DataError, match="cv fold 0 of 5 has no training row left"):
        predict(endless, tickers)


FEW = {
    "bagged": {"n_estimators": 5},
    "extra_trees": {"n_estimators": 5},
    "hist_gradient_boosting": {"n_rounds": 5},
    "random_forest": {"n_estimators": 5},
    "xgboost": {"n_rounds": 5},
}


@pytest.mark.parametrize("kind", sorted(estimators()))
def test_any_estimator_predicts_and_its_artefacts_say_it_again(dataset, tickers, frame, kind):
    """Calibrated, on a daily bar for every day that an event may begin or end on."""
    days = [START + timedelta(days=day) for day in range(420)]
    bars = pl.concat([frame(InformationBars, ticker=[t] * 420, bar_spec="time_1d", ts_close=days) for t in ("A", "B")])
    model = ModelParams(
        asset_class="equity",
        bar_spec="time_1d",
        n_folds=3,
        min_train=100,
        retraining=RetrainingParams(min_hours=0, min_labels=100),
        estimator={"kind": kind, **FEW.get(kind, {})},
        calibration={"method": "sigmoid", "n_folds": 2},
    )
    made, models, stats, _ = predictions(dataset, asked(dataset), bars, tickers, PredictionsParams(models={"m": model}))
    assert set(models["estimator"]) == {kind}
    assert models["split"].to_list() == ["cv"] * 3 + ["walk_forward"] * 2
    for row in models.iter_rows(named=True):
        loaded = load_model(row["artifact"], row["model_version"])
        assert loaded.calibration.method == "sigmoid"
        of_fit = made.filter(pl.col("split") == row["split"], pl.col("fold") == row["fold"])
        rows = of_fit.join(dataset, on=["ticker", "t0"], how="left", maintain_order="left").select("x", "gappy")
        again = loaded.probability(rows.cast(pl.Float64).to_numpy(), ("x", "gappy"))
        assert again.tolist() == of_fit["probability"].to_list()
    assert stats["auc"].mean() > 0.55
