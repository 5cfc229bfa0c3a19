import json

import numpy as np
import pytest

from tsis.models.estimator import XgboostParams, fit

NAMES = ["a", "b", "noise", "absent"]


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(600, 4))
    label = (x[:, 0] + 0.3 * x[:, 1] + rng.normal(size=600) > 0).astype(float)
    x[:, 3] = np.nan
    x[::7, 1] = np.nan
    return x, label, rng.uniform(0.1, 3.0, 600)


def test_bytes_are_the_same_for_any_number_of_threads(rows):
    x, label, weight = rows
    artifacts = {fit(x, label, weight, NAMES, x, XgboostParams(n_rounds=10, n_threads=n))[0].artifact for n in (1, 2)}
    assert len(artifacts) == 1


def test_only_the_proportions_of_weights_matter(rows):
    x, label, weight = rows
    scaled, _ = fit(x, label, weight * 2.0**-30, NAMES, x, XgboostParams())
    plain, _ = fit(x, label, weight, NAMES, x, XgboostParams())
    assert scaled.version == plain.version


def test_stored_bytes_predict_what_was_predicted(rows):
    import xgboost

    x, label, weight = rows
    model, probability = fit(x[:400], label[:400], weight[:400], NAMES, x[400:], XgboostParams())
    loaded = xgboost.Booster()
    loaded.load_model(bytearray(model.artifact))
    again = loaded.predict(xgboost.DMatrix(x[400:], feature_names=NAMES))
    np.testing.assert_array_equal(again.astype(np.float64), probability)
    assert np.corrcoef(probability, label[400:])[0, 1] > 0.3
    assert json.loads(model.estimator_params)["device"] == "cpu"


def test_gain_is_a_share_and_goes_to_what_matters(rows):
    x, label, weight = rows
    gain = fit(x, label, weight, NAMES, x, XgboostParams())[0].gain_frac
    assert gain.sum() == pytest.approx(1.0)
    assert gain.argmax() == 0
    assert gain[3] == 0.0


def test_one_class_gives_nearly_that_class(rows):
    x, _, weight = rows
    _, probability = fit(x, np.ones(600), weight, NAMES, x, XgboostParams())
    assert (probability > 0.98).all()
