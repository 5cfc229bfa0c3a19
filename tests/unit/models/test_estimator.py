"""Every estimator that discovery finds: same bits whatever the threads and neighbours, read back as stored."""

import hashlib
import json
import subprocess
import sys

import numpy as np
import pytest
from pydantic import ValidationError

from tsis.core.errors import DataError, IntegrityError, ParamsError
from tsis.models.artifact import load_model
from tsis.models.calibration import CalibrationParams
from tsis.models.early_stopping import EarlyStoppingParams, purged_tail
from tsis.models.estimator import estimators, fit
from tsis.models.estimators.hist_gradient_boosting import HistGradientBoostingParams
from tsis.models.estimators.logistic import LogisticParams
from tsis.models.estimators.random_forest import RandomForestParams
from tsis.models.estimators.xgboost import XgboostParams
from tsis.models.predictions import ModelParams
from tsis.models.sample import Sample

NAMES = ("a", "b", "noise", "absent")
FEW = {
    "bagged": {"n_estimators": 8},
    "extra_trees": {"n_estimators": 12},
    "hist_gradient_boosting": {"n_rounds": 8},
    "random_forest": {"n_estimators": 12},
    "xgboost": {"n_rounds": 10},
}
KINDS = sorted(estimators())


def params(kind, **given):
    return estimators()[kind].params(**{**FEW.get(kind, {}), **given})


def make(n=600, seed=3):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 4))
    label = (x[:, 0] + 0.3 * x[:, 1] + rng.normal(size=n) > 0).astype(float)
    x[:, 3] = np.nan
    x[::7, 1] = np.nan
    hour = 3_600_000_000
    t0 = np.sort(rng.integers(0, 20 * n, n)) * hour
    length = rng.integers(1, 60, n)
    return Sample(x, label, rng.uniform(0.1, 3.0, n), NAMES, t0, t0 + length * hour, t0 // hour, t0 // hour + length)


@pytest.fixture(scope="module")
def sample():
    return make()


@pytest.fixture(scope="module")
def train(sample):
    return sample.rows(np.arange(400))


@pytest.fixture(scope="module")
def fits(train):
    return {kind: fit(train, params(kind)) for kind in KINDS}


def test_the_estimators_are_found():
    assert {"xgboost", "random_forest", "extra_trees", "hist_gradient_boosting", "logistic", "bagged"} <= set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_the_number_of_threads_changes_no_bit(kind, sample, train, fits):
    two = fit(train, params(kind, n_threads=2))
    assert two.version == fits[kind].version
    np.testing.assert_array_equal(two.probability(sample.x), fits[kind].probability(sample.x))


@pytest.mark.parametrize("kind", KINDS)
def test_equal_rows_give_equal_bytes_and_another_seed_only_where_something_is_drawn(kind, train, fits):
    assert fit(make().rows(np.arange(400)), params(kind)).version == fits[kind].version
    draws_nothing = kind in ("hist_gradient_boosting", "logistic")
    other = fit(train, params(kind, seed=8))
    assert draws_nothing or other.learner.dump({"kind": kind}) != fits[kind].learner.dump({"kind": kind})


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_stored_predicts_what_was_predicted_and_a_row_alone_what_it_is_among_others(kind, sample, fits):
    told = fits[kind]
    expected = told.probability(sample.x)
    assert np.corrcoef(expected[400:], sample.label[400:])[0, 1] > 0.3
    loaded = load_model(told.artifact, told.version)
    assert (loaded.kind, loaded.features, loaded.version) == (kind, NAMES, hashlib.sha256(told.artifact).hexdigest())
    np.testing.assert_array_equal(loaded.probability(sample.x, NAMES), expected)
    for row in (0, 1, 7, 599):
        assert loaded.probability(sample.x[row : row + 1], NAMES)[0] == expected[row]
    assert loaded.probability(sample.x[:0], NAMES).size == 0


def test_bytes_are_those_of_another_process(fits):
    code = (
        "import sys; sys.path[:0] = ['tests/unit/models']; import test_estimator as t, numpy as np;"
        "print(*[t.fit(t.make().rows(np.arange(400)), t.params(kind)).version for kind in t.KINDS])"
    )
    command = [sys.executable, "-c", code]
    found = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert found == [fits[kind].version for kind in KINDS]


@pytest.mark.parametrize("kind", KINDS)
def test_weights_count_by_their_proportions_and_a_row_of_no_weight_is_not_learnt_from(kind, train, fits):
    x, label, weight = train.x, train.label, train.weight
    windows = (train.t0, train.t1, train.start, train.end)
    scaled = fit(Sample(x, label, weight * 2.0**-30, NAMES, *windows), params(kind))
    assert scaled.version == fits[kind].version
    even = fit(Sample(x, label, np.ones(400), NAMES, *windows), params(kind))
    assert even.version != fits[kind].version
    # rows that say the contrary with all their weight turn the answer round
    turned = np.where(np.arange(400) % 2 == 0, label, 1.0 - label)
    both = [
        fit(Sample(x, turned, np.where(np.arange(400) % 2 == k, 1.0, 0.0), NAMES, *windows), params(kind))
        for k in (0, 1)
    ]
    agreement = [np.corrcoef(one.probability(x), label)[0, 1] for one in both]
    assert agreement[0] > 0.3
    assert agreement[1] < -0.3


@pytest.mark.parametrize("kind", KINDS)
def test_importance_is_a_share_and_goes_to_what_matters(kind, fits):
    share = fits[kind].gain_frac
    if share is None:
        assert kind in ("hist_gradient_boosting", "logistic")
        return
    assert share.sum() == pytest.approx(1.0)
    assert share.argmax() == 0
    assert share[3] == 0.0


@pytest.mark.parametrize("kind", KINDS)
def test_a_value_that_only_later_is_missing_gets_a_probability(kind, train):
    whole = train.rows(np.flatnonzero(~np.isnan(train.x[:, 1])))
    x = whole.x.copy()
    x[:, 3] = x[:, 2]
    told = fit(Sample(x, whole.label, whole.weight, NAMES, whole.t0, whole.t1, whole.start, whole.end), params(kind))
    asked = np.full((3, 4), np.nan)
    asked[0] = 0.5
    asked[1, 0] = 2.0
    found = told.probability(asked)
    assert ((found > 0.0) & (found < 1.0)).all()


@pytest.mark.parametrize("kind", KINDS)
def test_what_can_not_be_learnt_from_is_refused(kind, train):
    windows = (train.t0, train.t1, train.start, train.end)
    infinite = train.x.copy()
    infinite[3, 0] = np.inf
    cases = {
        r"model 'm': 400 training rows, 400 of them positive; needs both classes": (
            train.x,
            np.ones(400),
            train.weight,
        ),
        r"all 400 weights are zero": (train.x, train.label, np.zeros(400)),
        r"model 'm': 1 of 1,600 values are infinite \(features: a\)": (infinite, train.label, train.weight),
        r"model 'm': 400 of 400 labels are not 0 or 1": (train.x, np.full(400, np.nan), train.weight),
    }
    for message, (x, label, weight) in cases.items():
        with pytest.raises(DataError, match=message):
            fit(Sample(x, label, weight, NAMES, *windows, name="model 'm'"), params(kind))


def test_a_sample_whose_parts_do_not_belong_together_is_refused(train):
    with pytest.raises(DataError, match=r"x \(400, 4\), 400 labels, 400 weights and 3 features"):
        fit(Sample(train.x, train.label, train.weight, NAMES[:3]), XgboostParams())


def test_logistic_can_refuse_missing_values(train):
    refusing = LogisticParams(missing="refuse")
    with pytest.raises(DataError, match=r"58 of 400 values are missing \(features: b\)"):
        fit(Sample(train.x[:, 1:2], train.label, train.weight, ("b",)), refusing)
    told = fit(Sample(train.x[:, :1], train.label, train.weight, ("a",)), refusing)
    loaded = load_model(told.artifact, told.version)
    with pytest.raises(DataError, match="1 of 2 values of feature 0 are missing"):
        loaded.probability(np.array([[0.1], [np.nan]]), ("a",))


def test_logistic_is_what_scikit_learn_says(sample, train, fits):
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    oracle = make_pipeline(SimpleImputer(strategy="median"), StandardScaler(), LogisticRegression(C=0.1))
    weight = train.weight / train.weight.mean()
    oracle.fit(
        train.x[:, :3], train.label, standardscaler__sample_weight=weight, logisticregression__sample_weight=weight
    )
    expected = oracle.predict_proba(sample.x[:, :3])[:, 1]
    np.testing.assert_allclose(fits["logistic"].probability(sample.x), expected, rtol=1e-9)


def test_a_lasso_leaves_noise_out(train):
    told = fit(train, LogisticParams(l1_frac=1.0, inverse_penalty=0.02))
    coefficients = told.learner.stored.estimator[-1].coef_[0]
    assert coefficients[0] > 0.1
    assert coefficients[2] == 0.0


def test_xgboost_reads_what_was_stored_with_names(train, fits):
    import xgboost

    booster = xgboost.Booster(model_file=bytearray(fits["xgboost"].artifact))
    assert booster.feature_names == list(NAMES)
    again = booster.predict(xgboost.DMatrix(train.x, feature_names=list(NAMES)))
    np.testing.assert_array_equal(again.astype(np.float64), fits["xgboost"].probability(train.x))
    assert json.loads(fits["xgboost"].estimator_params)["device"] == "cpu"


def test_names_given_after_training_make_the_same_bytes(train):
    import xgboost

    settings = {"tree_method": "hist", "objective": "binary:logistic", "nthread": 1}
    plain = xgboost.train(settings, xgboost.DMatrix(train.x, label=train.label), 5)
    plain.feature_names = list(NAMES)
    named = xgboost.train(settings, xgboost.DMatrix(train.x, label=train.label, feature_names=list(NAMES)), 5)
    assert plain.save_raw("ubj") == named.save_raw("ubj")


BOOSTED = {"xgboost": XgboostParams, "hist_gradient_boosting": HistGradientBoostingParams}


@pytest.mark.parametrize("kind", BOOSTED)
def test_early_stopping_asks_the_purged_tail_and_then_learns_from_all_rows(kind, train):
    stopping = EarlyStoppingParams(patience_rounds=5)
    given = {"n_rounds": 300, "learning_rate": 0.3}
    stopped = fit(train, BOOSTED[kind](**given, early_stopping=stopping))
    n_rounds = json.loads(stopped.estimator_params)["n_rounds"]
    assert 1 <= n_rounds < 100
    whole = fit(train, BOOSTED[kind](**given | {"n_rounds": n_rounds}))
    assert stopped.version == whole.version
    head, tail = purged_tail(train, stopping)
    losses = []
    for n in range(1, n_rounds + 6):
        p = fit(head, BOOSTED[kind](**given | {"n_rounds": n})).probability(tail.x)
        losses.append(-np.average(np.log(np.where(tail.label == 1.0, p, 1.0 - p)), weights=tail.weight))
    assert np.argmin(losses) + 1 == n_rounds


def test_the_tail_shares_no_moment_with_what_is_learnt(train):
    head, tail = purged_tail(train, EarlyStoppingParams(validation_frac=0.25))
    assert tail.n == 100
    assert head.n < 300
    assert head.t1.max() < tail.t0.min()
    with pytest.raises(DataError, match=r"early stopping needs the windows of the labels"):
        purged_tail(Sample(train.x, train.label, train.weight, NAMES), EarlyStoppingParams())
    with pytest.raises(DataError, match=r"early stopping leaves 0 of 400 training rows to learn from"):
        purged_tail(train, EarlyStoppingParams(validation_frac=0.999))


def test_a_bootstrap_needs_the_bars_of_the_labels(train):
    with pytest.raises(DataError, match="needs the bars that each label spans"):
        fit(Sample(train.x, train.label, train.weight, NAMES), params("bagged"))


def test_cuda_on_a_build_without_it_is_refused(train):
    import xgboost

    if xgboost.build_info().get("USE_CUDA"):
        pytest.skip("this XGBoost has CUDA")
    with pytest.raises(ParamsError, match="built without it"):
        fit(train, XgboostParams(device="cuda"))


def test_cuda_gives_the_log_loss_of_the_cpu(sample, train):
    import xgboost

    if not xgboost.build_info().get("USE_CUDA"):
        pytest.skip("needs an XGBoost with CUDA, and a GPU")
    try:
        gpu = fit(train, XgboostParams(device="cuda"))
    except ParamsError:
        pytest.skip("no GPU")
    losses = []
    for told in (gpu, fit(train, XgboostParams())):
        p = told.probability(sample.x[400:])
        losses.append(-np.mean(np.log(np.where(sample.label[400:] == 1.0, p, 1.0 - p))))
    assert abs(losses[0] - losses[1]) < 1e-3
    assert json.loads(gpu.estimator_params)["device"] == "cuda"
    assert fit(train, XgboostParams(device="cuda", n_threads=2)).version == gpu.version
    np.testing.assert_array_equal(
        load_model(gpu.artifact, gpu.version).probability(sample.x, NAMES), gpu.probability(sample.x)
    )


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_bytes_that_were_asked_for_are_read(kind, fits):
    told = fits[kind]
    altered = bytearray(told.artifact)
    altered[len(altered) // 2] ^= 1
    with pytest.raises(IntegrityError, match="was altered, or is another model"):
        load_model(bytes(altered), told.version)
    with pytest.raises(IntegrityError, match=rf"SHA-256 is {told.version[:12]} and not"):
        load_model(told.artifact, "0" * 64)
    cut = told.artifact[: len(told.artifact) // 2]
    with pytest.raises(IntegrityError, match="model artefact"):
        load_model(cut, hashlib.sha256(cut).hexdigest())
    for junk in (b"", b"PK\x03\x04", b"\x80\x04K\x01.", b"{}"):
        with pytest.raises(IntegrityError, match="model artefact"):
            load_model(junk, hashlib.sha256(junk).hexdigest())


def test_a_type_that_no_estimator_has_is_not_constructed(train):
    from sklearn.ensemble import RandomForestClassifier

    from tsis.models import skops_artifact

    forest = RandomForestClassifier(2).fit(train.x, train.label)
    content = {"attributes": {"kind": "logistic"}, "estimator": forest}
    foreign = skops_artifact.dump(content, "logistic")
    with pytest.raises(IntegrityError, match="names types that no estimator here has"):
        load_model(foreign, hashlib.sha256(foreign).hexdigest())
    unknown = skops_artifact.dump(content, "oracle")
    with pytest.raises(IntegrityError, match="unknown estimator 'oracle'"):
        load_model(unknown, hashlib.sha256(unknown).hexdigest())


def test_trees_of_another_scikit_learn_are_not_read(train, monkeypatch):
    import sklearn

    told = fit(train, RandomForestParams(n_estimators=2))
    monkeypatch.setattr(sklearn, "__version__", "1.99.0")
    with pytest.raises(IntegrityError, match=r"fitted with scikit-learn 1\.\d+, and this is scikit-learn 1\.99"):
        load_model(told.artifact, told.version)


def test_features_that_the_model_did_not_learn_are_refused(train, fits):
    loaded = load_model(fits["xgboost"].artifact, fits["xgboost"].version)
    cases = {
        r"learnt 4 features and is given 3: 1 are missing \(noise\)": ("a", "b", "absent"),
        r"given 5: 1 are unknown to it \(more\)": (*NAMES, "more"),
        r"given 4: they stand in another order \(first: 'b' in place of 'a'\)": ("b", "a", "noise", "absent"),
        r"1 are missing \(b\); 1 are unknown to it \(c\)": ("a", "c", "noise", "absent"),
    }
    for message, names in cases.items():
        with pytest.raises(DataError, match=message):
            loaded.probability(np.zeros((2, len(names))), names)
    with pytest.raises(DataError, match=r"rows of shape \(2, 3\) for 4 features"):
        loaded.probability(train.x[:2, :3], NAMES)
    with pytest.raises(DataError, match="values are infinite"):
        loaded.probability(np.full((1, 4), -np.inf), NAMES)


def test_params_name_their_estimator():
    given = {"asset_class": "fx", "bar_spec": "time_1h"}
    chosen = ModelParams.model_validate(given | {"estimator": {"kind": "logistic", "inverse_penalty": 0.5}})
    assert chosen.estimator == LogisticParams(inverse_penalty=0.5)
    assert chosen.model_dump()["estimator"]["inverse_penalty"] == 0.5
    assert ModelParams.model_validate(chosen.model_dump()) == chosen
    assert ModelParams(**given).estimator == XgboostParams()
    assert chosen.calibration == CalibrationParams()
    for message, wrong in {
        r"unknown estimator 'xgbost'; did you mean 'xgboost'": {"estimator": {"kind": "xgbost"}},
        r"logistic: n_rounds: unknown field": {"estimator": {"kind": "logistic", "n_rounds": 3}},
        r"xgboost: is now estimator: \{kind: xgboost": {"xgboost": {"n_rounds": 3}},
        r"max_samples without is_bootstrapped": {"estimator": {"kind": "extra_trees", "max_samples": 0.5}},
    }.items():
        with pytest.raises(ValidationError, match=message):
            ModelParams.model_validate(given | wrong)
