import numpy as np
import pytest

from tsis.signals.bet_size import bet_size


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
