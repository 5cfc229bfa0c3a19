"""Fractionally differentiated price and volume: the kernel's bits, the weights of the book."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError
from volatility_rows import broken_laws, columns, rows

from tsis.core.stream import CLOSE, VOLUME
from tsis.features.fractional.fracdiff import FracdiffParams, fracdiff
from tsis.kernels.fracdiff import fixed_weights, fixed_window

WIDTH = 55


def differentiated(values, d, cut_off=1e-3):
    weights, out = fixed_weights(d, cut_off), np.empty(values.size)
    fixed_window(values, weights, np.zeros(weights.size), out)
    return out


@pytest.mark.parametrize("n", [0, 30, 55, 256, 1_300])
def test_it_has_the_bits_of_the_kernel(n):
    given = rows(n, 1)
    found = columns(fracdiff(FracdiffParams()), given)
    assert list(found) == ["frac_diff_price_0_4", "frac_diff_volume_0_4"]
    for stream, values in zip((CLOSE, VOLUME), found.values(), strict=True):
        assert values.tobytes() == differentiated(np.log(given[:, stream]), 0.4).tobytes()


def test_it_is_the_convolution_with_the_weights_of_the_book():
    """AFML snippet 5.1: 1, -d, d (d - 1) / 2, ..."""
    given = rows(600, 2)
    weights = [1.0]
    for k in range(1, WIDTH):
        weights.append(-weights[-1] * (0.4 - k + 1) / k)
    assert abs(-weights[-1] * (0.4 - WIDTH + 1) / WIDTH) < 1e-3 <= abs(weights[-1])
    found = columns(fracdiff(FracdiffParams()), given)
    for stream, values in zip((CLOSE, VOLUME), found.values(), strict=True):
        expected = np.convolve(np.log(given[:, stream]), weights, mode="valid")
        np.testing.assert_allclose(values[WIDTH - 1 :], expected, rtol=0, atol=1e-13)
        assert np.isnan(values[: WIDTH - 1]).all()


def test_orders_are_parameters():
    params = FracdiffParams(price_orders=(0.25, 1.0), volume_orders=(0.9,), cut_off=1e-2)
    given, bank = rows(400, 3), fracdiff(params)
    found = columns(bank, given)
    assert list(found) == ["frac_diff_price_0_25", "frac_diff_price_1", "frac_diff_volume_0_9"]
    log_price = np.log(given[:, CLOSE])
    assert found["frac_diff_price_0_25"].tobytes() == differentiated(log_price, 0.25, 1e-2).tobytes()
    assert found["frac_diff_price_1"][1:].tobytes() == np.diff(log_price).tobytes()
    for feature, d in zip(bank.outputs, (0.25, 1.0, 0.9), strict=True):
        assert feature.warm_up == fixed_weights(d, 1e-2).size - 1
        assert np.isfinite(found[feature.name]).argmax() == feature.warm_up


def test_what_has_no_logarithm_is_missing_as_long_as_it_is_in_the_window():
    given = rows(400, 4)
    clean = columns(fracdiff(FracdiffParams()), given)
    given[100, VOLUME], given[150, CLOSE] = 0.0, np.nan
    found = columns(fracdiff(FracdiffParams()), given)
    for name, at in (("frac_diff_volume_0_4", 100), ("frac_diff_price_0_4", 150)):
        assert np.flatnonzero(np.isnan(found[name])).tolist() == [*range(WIDTH - 1), *range(at, at + WIDTH)]
        assert found[name][at + WIDTH :].tobytes() == clean[name][at + WIDTH :].tobytes()


def test_pieces_and_single_bars_give_the_bits_of_the_whole():
    given = rows(700, 5)
    given[::211, VOLUME] = 0.0
    for params in (FracdiffParams(), FracdiffParams(price_orders=(0.1, 0.7), volume_orders=(), cut_off=1e-2)):
        assert broken_laws(fracdiff(params), given) == []


@pytest.mark.parametrize(
    "params", [{"price_orders": (0.0,)}, {"volume_orders": (2.0,)}, {"price_orders": (0.4, 0.4)}, {"cut_off": 0.0}]
)
def test_impossible_parameters_are_refused(params):
    with pytest.raises(ValidationError):
        FracdiffParams(**params)


def test_a_window_of_endless_memory_is_refused():
    with pytest.raises(ValueError, match="raise cut_off"):
        fracdiff(FracdiffParams(price_orders=(0.01,), cut_off=1e-9))
