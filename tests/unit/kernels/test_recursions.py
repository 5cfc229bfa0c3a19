import numpy as np
import pandas as pd
import pytest

from tsis.kernels.concurrency import concurrency, label_weights
from tsis.kernels.cusum import CUSUM_STATE, cusum_filter
from tsis.kernels.indicators import EWM_STATE, WILDER_STATE, ewm_std, wilder
from tsis.kernels.mean_before import mean_before


@pytest.fixture
def values():
    return np.random.default_rng(5).normal(0.0, 0.01, 500)


@pytest.mark.parametrize("span", [2.0, 20.0, 100.0])
def test_ewm_std_is_that_of_pandas(values, span):
    values[[0, 40, 41]] = np.nan
    out = np.empty(values.size)
    ewm_std(values, span, np.zeros(EWM_STATE), out)
    expected = pd.Series(values).ewm(span=span, ignore_na=True).std().to_numpy(copy=True)
    expected[[40, 41]] = np.nan  # pandas repeats the value before
    np.testing.assert_allclose(out, expected, rtol=1e-12)


def test_ewm_std_resumes_anywhere(values):
    whole, parts = np.empty(values.size), np.empty(values.size)
    ewm_std(values, 50.0, np.zeros(EWM_STATE), whole)
    state = np.zeros(EWM_STATE)
    for i in range(values.size):
        ewm_std(values[i : i + 1], 50.0, state, parts[i : i + 1])
    assert parts.tobytes() == whole.tobytes()


def test_wilder_seeds_with_the_mean():
    state = np.zeros(WILDER_STATE)
    found = [wilder(value, 3.0, state) for value in (1.0, 2.0, 6.0, 9.0)]
    assert np.isnan(found[:2]).all()
    assert found[2:] == [3.0, 5.0]


def test_mean_before_excludes_the_row_itself():
    found = mean_before(np.array([1.0, 2.0, 3.0, 100.0]), 2)
    assert np.isnan(found[:2]).all()
    assert found[2:].tolist() == [1.5, 2.5]


def test_cusum_fires_strictly_above_and_resumes(values):
    threshold = np.full(values.size, 0.02)
    whole, parts = np.zeros(values.size, np.int8), np.zeros(values.size, np.int8)
    cusum_filter(values, threshold, np.zeros(CUSUM_STATE), whole)
    state = np.zeros(CUSUM_STATE)
    for i in range(values.size):
        cusum_filter(values[i : i + 1], threshold[i : i + 1], state, parts[i : i + 1])
    assert {-1, 0, 1} == set(whole.tolist())
    assert parts.tobytes() == whole.tobytes()
    out = np.zeros(2, np.int8)
    cusum_filter(np.array([0.5, 0.25]), np.array([0.5, 0.5]), np.zeros(CUSUM_STATE), out)
    assert out.tolist() == [0, 1]


def test_cusum_begins_after_the_warm_up():
    out = np.zeros(4, np.int8)
    threshold = np.array([np.nan, np.nan, 1.0, 1.0])
    cusum_filter(np.array([5.0, 5.0, 0.5, 0.75]), threshold, np.zeros(CUSUM_STATE), out)
    assert out.tolist() == [0, 0, 0, 1]


def test_average_uniqueness_of_the_book():
    # AFML 4.2: labels over bars [0, 2], [2, 3], [4, 5]; the last label ends on the last bar
    start, end = np.array([0, 2, 4]), np.array([2, 3, 5])
    alive = concurrency(start, end, 6)
    assert alive.tolist() == [1, 1, 2, 1, 1, 1]
    found = label_weights(start, end, alive, np.array([np.nan, 0.1, 0.2, -0.4, 0.1, 0.1]))
    assert found[:, 1] == pytest.approx([5 / 6, 3 / 4, 1.0], rel=1e-15)
    assert found[:, 1].mean() == pytest.approx(0.861111, abs=1e-6)
    assert found[:, 0] == pytest.approx([4 / 3, 3 / 2, 1.0])
    assert found[:, 2] == pytest.approx([0.2, 0.3, 0.2])


def test_an_open_window_counts_to_the_last_bar():
    assert concurrency(np.array([1]), np.array([99]), 4).tolist() == [0, 1, 1, 1]
