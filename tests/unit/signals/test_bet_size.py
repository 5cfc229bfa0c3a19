import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from tsis.core.errors import DataError, ParamsError
from tsis.signals.bet_size import bet_size, discretised, signed_bet_size


def test_known_sizes():
    # z = (p - 1/2) / sqrt(p (1 - p)): p = 0.6 gives z = 0.2041, 2 Phi(z) - 1 = 0.1617; p = 0.9 gives 0.8176
    p = np.array([0.6, 0.9])
    np.testing.assert_allclose(bet_size(p, 1e-9), [0.161744, 0.817578], atol=1e-6)
    np.testing.assert_allclose(bet_size(p, 0.1), [0.2, 0.8])


def test_ends_and_the_other_side_of_one_half():
    assert bet_size(np.array([0.0, 0.2, 0.5, 1.0]), 0.1).tolist() == [0.0, 0.0, 0.0, 1.0]


@pytest.mark.parametrize("step", [0.1, 0.3, 1.0])
def test_sizes_never_fall_with_the_probability_and_lie_on_the_steps(step):
    size = bet_size(np.linspace(0, 1, 501), step)
    assert (np.diff(size) >= 0).all()
    assert size.min() == 0.0
    assert size.max() <= 1.0
    on_step = np.isclose(size / step, np.round(size / step)) | (size == 1.0)
    assert on_step.all()


@pytest.mark.parametrize("n_classes", [2, 3])
def test_signed_sizes_are_those_of_the_normal_distribution(n_classes):
    p = np.array([0.5, 0.6, 0.75, 0.9, 0.99])
    z = (p - 1 / n_classes) / np.sqrt(p * (1 - p))
    np.testing.assert_allclose(signed_bet_size(p, np.ones(5), n_classes), 2 * norm.cdf(z) - 1, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(signed_bet_size(p, -np.ones(5), n_classes), 1 - 2 * norm.cdf(z), rtol=1e-12, atol=1e-15)
    assert signed_bet_size(p, np.zeros(5), n_classes).tolist() == [0.0] * 5


@given(st.floats(0, 1), st.sampled_from([-1, 1]))
def test_of_two_classes_the_sides_are_mirror_images(p, side):
    one, other = (signed_bet_size(np.array([x]), [s])[0] for x, s in ((p, side), (1 - p, -side)))
    assert one == pytest.approx(other, abs=1e-12)
    assert abs(one) <= 1


def test_ends_and_what_is_missing():
    size = signed_bet_size(np.array([0.0, 1.0, 1.0, np.nan]), [1, 1, -1, 1])
    assert size[:3].tolist() == [-1.0, 1.0, -1.0]
    assert np.isnan(size[3])
    assert signed_bet_size(np.array([]), []).size == 0


@given(st.floats(-1, 1), st.sampled_from([0.01, 0.05, 0.1, 0.25, 0.3, 1.0]))
def test_discretised_sizes_lie_on_the_steps_and_near(size, step):
    found = float(discretised(np.array([size]), step)[0])
    assert abs(found) <= 1
    assert found / step == pytest.approx(round(found / step)) or abs(found) == 1
    assert abs(found - size) <= step / 2 + 1e-12
    assert found == -float(discretised(np.array([-size]), step)[0])


def test_half_a_step_is_rounded_away_from_zero():
    assert discretised(np.array([0.25, -0.25, 0.24, 0.75, np.nan]), 0.5)[:4].tolist() == [0.5, -0.5, 0.0, 1.0]
    assert np.isnan(discretised(np.array([np.nan]), 0.5)[0])


def test_what_cannot_be_sized_is_refused():
    with pytest.raises(DataError, match=r"2 of 3 probabilities lie outside \[0, 1\] and 1 of 3 sides"):
        signed_bet_size(np.array([1.1, 0.5, -0.1]), [1, 2, 1])
    with pytest.raises(DataError, match="needs one of each"):
        signed_bet_size(np.array([0.5, 0.5]), [1])
    with pytest.raises(ParamsError, match="n_classes = 1"):
        signed_bet_size(np.array([0.5]), [1], 1)
    with pytest.raises(ParamsError, match="step = 0"):
        discretised(np.array([0.5]), 0.0)
