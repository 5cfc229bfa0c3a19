"""The order of differentiation is learnt on each fold's training window, and frozen with the model."""

import hashlib
import json
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
import xgboost
from polars.testing import assert_frame_equal
from pydantic import ValidationError

from tsis.core.errors import DataError
from tsis.core.table import spec
from tsis.models.estimators.xgboost import XgboostParams
from tsis.models.fold_fracdiff import FoldFracdiff
from tsis.models.fractional_params import FractionalParams
from tsis.models.frozen_orders import frozen_orders
from tsis.models.predictions import ModelParams, PredictionsParams, predictions
from tsis.models.retraining import RetrainingParams
from tsis.models.smallest_d import GRID, smallest_d
from tsis.tables.ml_dataset.dataset import Dataset
from tsis.tables.ml_dataset.event_features import EventFeatures
from tsis.tables.processed_features.information_bars import InformationBars
from tsis.tables.reference.tickers_dim import TickersDim

START = datetime(2010, 1, 1, 21, tzinfo=UTC)
N_BARS = 500
FRACTIONAL = FractionalParams(cut_off=0.01)
FEATURE = "frac_diff_close"


def at(day):
    return START + timedelta(days=int(day))


@pytest.fixture(scope="module")
def bars(frame):
    """Two random walks, a price that never moves, one that always does, a late listing, and a listing in the end."""
    rng = np.random.default_rng(11)
    walks = {ticker: 50.0 * np.exp(np.cumsum(rng.normal(0.0, 0.01, N_BARS))) for ticker in ("A", "B", "LATE", "LAST")}
    walks["FLAT"] = np.full(N_BARS, 7.0)
    # the trend of the trend: also its changes wander
    walks["TREND"] = np.exp(1.0 + np.cumsum(np.cumsum(rng.normal(0.0, 1e-4, N_BARS))))
    first = {"LATE": 250, "LAST": 420}
    parts = []
    for ticker, close in sorted(walks.items()):
        days = range(first.get(ticker, 0), N_BARS)
        price = close[list(days)].tolist()
        when = [at(day) for day in days]
        parts.append(
            frame(InformationBars, ticker=[ticker] * len(days), bar_spec="time_1d", ts_close=when, seq=0, close=price)
        )
    return pl.concat(parts)


@pytest.fixture(scope="module")
def dataset(frame, bars):
    rng = np.random.default_rng(3)
    parts = []
    for ticker, first in {"A": 60, "B": 60, "FLAT": 60, "LATE": 260, "TREND": 60, "LAST": 450}.items():
        days = np.sort(rng.choice(np.arange(first, N_BARS - 8), (N_BARS - first) // 6, replace=False))
        n = days.size
        x = rng.normal(size=n)
        rows = frame(
            Dataset,
            ticker=[ticker] * n,
            bar_spec="time_1d",
            t0=[at(day) for day in days],
            t1=[at(day + k) for day, k in zip(days, rng.integers(1, 8, n), strict=True)],
            seq=0,
            side=1,
            label=(x + rng.normal(size=n) > 0).astype(int).tolist(),
            average_uniqueness=0.5,
            sample_weight=1.0,
        )
        parts.append(rows.with_columns(pl.Series("x", x)))
    return pl.concat(parts).sort(spec(Dataset).key)


@pytest.fixture(scope="module")
def tickers(frame, bars):
    return frame(TickersDim, ticker=bars["ticker"].unique().sort().to_list(), asset_class="equity")


def predict(dataset, bars, tickers, fractional=FRACTIONAL, events=None):
    model = ModelParams(
        asset_class="equity",
        bar_spec="time_1d",
        n_folds=3,
        min_train=100,
        retraining=RetrainingParams(min_hours=0, min_labels=60),
        fractional=fractional,
        estimator=XgboostParams(n_rounds=12, min_child_weight=1.0),
    )
    asked = dataset if events is None else events
    asked = asked.select(*spec(EventFeatures).columns, "x")
    return predictions(dataset, asked, bars, tickers, PredictionsParams(models={"m": model}))


@pytest.fixture(scope="module")
def made(dataset, bars, tickers):
    return predict(dataset, bars, tickers)


def weights_of(d, cut_off):
    """Return the binomial weights by their formula, as far as they reach the cut-off."""
    weights = [1.0]
    while abs(following := weights[-1] * (len(weights) - 1 - d) / len(weights)) >= cut_off:
        weights.append(following)
    return np.array(weights)


def by_hand(log_price, max_p_value, cut_off, grid):
    """Return order, width, statistic and p-value of the smallest order that passes, or else of the highest tested."""
    from statsmodels.tsa.stattools import adfuller

    found = None
    for d in grid:
        weights = weights_of(d, cut_off)
        if log_price.size - weights.size + 1 < 30:
            continue
        test = adfuller(np.convolve(log_price, weights, mode="valid"), 1, "c", None, result_object=True)
        found = (d, weights.size, test.statistic, test.pvalue)
        if test.pvalue <= max_p_value:
            break
    return found


def stored(models):
    """Yield split, fold, the row, ticker and stored order of every fit."""
    for row in models.iter_rows(named=True):
        for ticker, order in json.loads(row["params"])["fractional"]["orders"].items():
            yield row, ticker, order


def test_every_order_is_what_statsmodels_says_of_the_bars_of_the_training_window(made, bars, dataset):
    checked, orders = 0, set()
    for row, ticker, order in stored(made[1]):
        if ticker == "FLAT" or order["found"] == "too_few_bars":
            continue
        rows = dataset.sort("t0", "ticker")
        before = rows.filter(pl.col("t1") < row["valid_from"])
        spans = [(START, before["t1"].max())] if before.height else []
        if row["split"] == "cv":
            last_t1 = rows.filter(pl.col("t0").is_between(row["valid_from"], row["valid_to"]))["t1"].max()
            n_after = rows.filter(pl.col("t0") > last_t1).height - int(np.ceil(0.01 * rows.height))
            if n_after > 0:
                after = rows.tail(n_after)
                spans.append((after["t0"].min(), after["t1"].max()))
        series = bars.filter(pl.col("ticker") == ticker)
        windows = [series.filter(pl.col("ts_close").is_between(*span)) for span in spans]
        window = max(windows, key=lambda part: part.height)
        d, width, adf, p_value = by_hand(np.log(window["close"].to_numpy()), 0.05, 0.01, GRID)
        assert (order["d"], order["width"], order["n_bars"]) == (d, width, window.height)
        assert (order["adf"], order["p_value"]) == pytest.approx((adf, p_value), rel=1e-6)
        assert [datetime.fromisoformat(order[name]) for name in ("first_bar", "last_bar")] == [
            window["ts_close"].min(),
            window["ts_close"].max(),
        ]
        assert order["found"] == ("stationary" if p_value <= 0.05 else "none_passes")
        checked += 1
        orders.add(d)
    assert checked > 20
    assert len(orders) > 3


def test_no_bar_of_a_refit_is_later_than_its_last_training_label(made):
    ends = [
        (datetime.fromisoformat(order["last_bar"]), row["trained_to"], row["valid_from"])
        for row, _, order in stored(made[1].filter(pl.col("split") == "walk_forward"))
    ]
    assert len(ends) > 10
    assert all(last <= trained_to < begins for last, trained_to, begins in ends)


def test_what_has_no_order_is_told(made):
    found = {(row["split"], row["fold"], ticker): order for row, ticker, order in stored(made[1])}
    refits = sorted(fold for split, fold, ticker in found if split == "walk_forward" and ticker == "A")
    flat = [found["walk_forward", fold, "FLAT"] for fold in refits]
    assert {(order["found"], order["d"], order["p_value"]) for order in flat} == {("constant_price", None, None)}
    trend = found["walk_forward", refits[-1], "TREND"]
    assert (trend["found"], trend["d"], trend["width"]) == ("none_passes", 1.0, 2)
    assert trend["p_value"] > 0.05
    # listed on day 250: no event at first, then too few bars, then an order
    late = [found.get(("walk_forward", fold, "LATE"), {}).get("found") for fold in refits]
    assert late[0] in (None, "too_few_bars")
    assert "too_few_bars" in late
    assert late[-1] == "stationary"
    assert "LAST" not in {ticker for split, fold, ticker in found if (split, fold) == ("walk_forward", refits[-1])}


def test_a_stored_artefact_gives_its_predictions_again(made, bars, dataset):
    """Nothing but the bytes, the bars and the row of the dataset is needed."""
    found, models, _, importance = made
    n_missing = 0
    for row in models.iter_rows(named=True):
        frozen = frozen_orders(row["artifact"])
        features = json.loads(row["features"])
        assert features == ["x", FEATURE] == ["x", frozen.feature]
        assert hashlib.sha256(row["artifact"]).hexdigest() == row["model_version"]
        told = json.loads(row["params"])["fractional"]
        assert {name: told[name] for name in frozen.model_fields_set} == frozen.model_dump(mode="json")
        of_ticker = [
            part.select(
                "ticker",
                pl.col("ts_close").alias("t0"),
                pl.Series(FEATURE, frozen.differentiate(ticker, part["close"].to_numpy())),
            )
            for (ticker,), part in bars.partition_by("ticker", as_dict=True).items()
        ]
        asked = (
            found.filter(pl.col("split") == row["split"], pl.col("fold") == row["fold"])
            .join(dataset.select("ticker", "t0", "x"), on=["ticker", "t0"], how="left", maintain_order="left")
            .join(pl.concat(of_ticker), on=["ticker", "t0"], how="left", maintain_order="left")
        )
        n_missing += int(asked[FEATURE].is_nan().sum())
        booster = xgboost.Booster(model_file=bytearray(row["artifact"]))
        again = booster.predict(xgboost.DMatrix(asked.select(features).to_numpy(), feature_names=features))
        assert again.astype(float).tolist() == asked["probability"].to_list()
    assert 0 < n_missing < found.height
    assert set(importance["feature"]) == {"x", FEATURE}
    assert importance.filter(pl.col("feature") == FEATURE)["importance"].item() > 0


def test_the_order_is_part_of_the_version(dataset, bars, tickers, made):
    """Two levels of the test that lead to the same orders still are two models."""
    other = predict(dataset, bars, tickers, FRACTIONAL.model_copy(update={"max_p_value": 0.0500001}))
    assert_frame_equal(other[0].drop("model_version"), made[0].drop("model_version"))
    assert set(other[1]["model_version"]).isdisjoint(made[1]["model_version"])


def test_later_bars_move_no_order_and_no_earlier_prediction(dataset, bars, tickers, made):
    refits = made[1].filter(pl.col("split") == "walk_forward").sort("fold")
    moment = refits["trained_to"][1]
    noise = np.exp(np.random.default_rng(2).normal(size=bars.height))
    later = pl.col("ts_close") > moment
    changed = bars.with_columns(pl.when(later).then(pl.col("close") * noise).otherwise("close").alias("close"))
    found, models, _, _ = predict(dataset, changed, tickers)
    again = models.filter(pl.col("split") == "walk_forward").sort("fold")
    assert again["model_version"].to_list()[:2] == refits["model_version"].to_list()[:2]
    assert again["model_version"][2] != refits["model_version"][2]
    then = pl.col("split").eq("walk_forward") & (pl.col("t0") <= moment)
    assert found.filter(then).height > 30
    assert_frame_equal(found.filter(then), made[0].filter(then), check_exact=True)
    # what comes later is predicted by the same model, from other bars
    assert not found.equals(made[0])


def test_a_cut_at_a_moment_leaves_refits_and_predictions_as_they_were(dataset, bars, tickers, made):
    forward = made[0].filter(pl.col("split") == "walk_forward").sort("t0", "ticker")
    # the last listing has an event from day 450 on: before, nothing may be known of it
    for n in (0, 1, 39, 40, forward.height - 2):
        moment = forward["t0"][n]
        known, asked = dataset.filter(pl.col("t1") <= moment), dataset.filter(pl.col("t0") <= moment)
        found = predict(known, bars.filter(pl.col("ts_close") <= moment), tickers, events=asked)[0]
        then = pl.col("split").eq("walk_forward") & (pl.col("t0") <= moment)
        assert_frame_equal(
            found.filter(pl.col("split") == "walk_forward"),
            made[0].filter(then),
            check_exact=True,
            check_row_order=True,
        )


def test_another_order_of_rows_gives_the_same_and_inputs_stay(dataset, bars, tickers, made):
    before = bars.clone()
    again = predict(dataset, bars.sample(fraction=1.0, shuffle=True, seed=4), tickers)
    for one, other in zip(made, again, strict=True):
        assert_frame_equal(one, other)
    assert_frame_equal(bars, before)


def test_a_declared_window_is_the_newest_bars_of_the_training_window(dataset, bars, tickers, made):
    short = FRACTIONAL.model_copy(update={"window_bars": 120})
    whole = {(row["split"], row["fold"], ticker): order for row, ticker, order in stored(made[1])}
    n_cut = 0
    for row, ticker, order in stored(predict(dataset, bars, tickers, short)[1]):
        before = whole[row["split"], row["fold"], ticker]
        assert order["n_bars"] == min(before["n_bars"], 120)
        assert order["last_bar"] == before["last_bar"]
        n_cut += order["n_bars"] < before["n_bars"]
        if order["found"] == "stationary":
            last = datetime.fromisoformat(order["last_bar"])
            newest = bars.filter((pl.col("ticker") == ticker) & (pl.col("ts_close") <= last)).tail(120)
            window = np.log(newest["close"].to_numpy())
            assert order["d"] == smallest_d(window, (0, window.size), cut_off=0.01).d
    assert n_cut > 10


def test_the_feature_at_an_event_is_the_one_of_its_bar(dataset, bars):
    events = dataset.filter(pl.col("ticker") == "A").sort("t0")
    series = bars.filter(pl.col("ticker") == "A")
    fractional = FoldFracdiff("m", events, series, FRACTIONAL)
    orders = fractional.learn(np.arange(40), np.arange(40, events.height))
    d = orders.orders["A"].d
    assert 0 < d < 1
    weights = weights_of(d, 0.01)
    log_price = np.log(series["close"].to_numpy())
    bar = [(t0 - START).days for t0 in events["t0"]]
    expected = [weights @ log_price[i - weights.size + 1 : i + 1][::-1] for i in bar]
    np.testing.assert_allclose(fractional.values(orders), expected, rtol=0, atol=1e-12)
    # a ticker that the fit did not know has no value
    assert np.isnan(orders.differentiate("B", series["close"].to_numpy())).all()
    # until the first window is full there is none
    assert np.isnan(orders.differentiate("A", series["close"].to_numpy())).sum() == weights.size - 1


def test_other_prices_and_coarser_grids(dataset, bars):
    assert FractionalParams().grid == GRID
    assert FractionalParams(max_d=0.5, step=0.2).grid == (0.0, 0.2, 0.4)
    assert FractionalParams(max_d=0.0).grid == (0.0,)
    assert FractionalParams(price="low").feature == "frac_diff_low"
    events, series = (rows.filter(pl.col("ticker") == "A") for rows in (dataset, bars))
    highs = series.with_columns((pl.col("close") * 3.0).alias("high"), pl.lit(1.0).alias("close"))
    split = np.arange(40), np.arange(40, events.height)
    by_high = FoldFracdiff("m", events, highs, FractionalParams(price="high", cut_off=0.01)).learn(*split)
    by_close = FoldFracdiff("m", events, series, FRACTIONAL).learn(*split)
    assert by_high.orders["A"].d == by_close.orders["A"].d  # scale does not matter
    low = FractionalParams(cut_off=0.01, max_d=0.05)
    order = FoldFracdiff("m", events, series, low).learn(*split).orders["A"]
    assert (order.found, order.d) == ("none_passes", 0.05)


def test_without_a_declaration_no_bar_is_looked_at_and_nothing_is_stored(dataset, bars, tickers):
    none = predict(dataset, bars.clear(), tickers, fractional=None)
    assert "fractional" not in json.loads(none[1]["params"][0])
    assert set(none[3]["feature"]) == {"x"}
    with pytest.raises(DataError, match="fitted without a fractional feature"):
        frozen_orders(none[1]["artifact"][0])


def test_bad_input_is_refused(dataset, bars, tickers):
    with pytest.raises(
        DataError, match=r"model 'm': \d+ of \d+ events have no bar in .*first: B time_1d 20.*tickers: B"
    ):
        predict(dataset, bars.filter(pl.col("ticker") != "B"), tickers)
    gone = dataset.filter(pl.col("ticker") == "A")["t0"][3]
    with pytest.raises(DataError, match=r"model 'm': 1 of \d+ events have no bar"):
        predict(dataset, bars.filter((pl.col("ticker") != "A") | (pl.col("ts_close") != gone)), tickers)
    for wrong in (0.0, -1.0, float("nan"), float("inf"), None):
        price = pl.when((pl.col("ticker") == "B") & (pl.col("ts_close") == at(5))).then(pl.lit(wrong, pl.Float64))
        with pytest.raises(DataError, match=r"model 'm': 1 of [\d,]+ bars have a close that is not positive"):
            predict(dataset, bars.with_columns(price.otherwise("close").alias("close")), tickers)
    model = ModelParams(asset_class="equity", bar_spec="time_1d", min_train=50, fractional=FRACTIONAL)
    named = dataset.with_columns(pl.lit(1.0).alias(FEATURE))
    asked = named.select(*spec(EventFeatures).columns, "x", FEATURE)
    with pytest.raises(DataError, match="the dataset has a feature 'frac_diff_close' already"):
        predictions(named, asked, bars, tickers, PredictionsParams(models={"m": model}))


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        ({"window_bars": 80}, "window_bars = 80 is less than min_bars = 100"),
        ({"price": "vwap"}, "Input should be 'open', 'high', 'low' or 'close'"),
        ({"step": 0.0}, "greater than or equal to 0.01"),
        ({"max_d": 2.5}, "less than or equal to 2"),
        ({"cut_off": 0.0}, "greater than or equal to"),
        ({"max_p_value": 0.0}, "greater than 0"),
        ({"min_bars": 10}, "greater than or equal to 50"),
        ({"columns": ["close"]}, "Extra inputs are not permitted"),
    ],
)
def test_parameters_that_can_not_be_are_refused(wrong, what):
    with pytest.raises(ValidationError, match=what):
        FractionalParams(**wrong)
