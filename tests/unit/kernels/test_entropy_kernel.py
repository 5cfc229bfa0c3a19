from collections import Counter
from math import log2

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsis.core.errors import DataError
from tsis.kernels import entropy as kernel

MESSAGES = st.lists(st.integers(0, 2), min_size=1, max_size=60)


def message(text):
    return np.array([int(letter) for letter in text], dtype=np.int64)


def test_the_message_of_the_book_has_one_bit():
    assert kernel.plug_in(message("11100001"), 2, 1) == 1.0


@given(MESSAGES, st.integers(1, 4))
def test_plug_in_counts_all_words(codes, length):
    text = "".join(map(str, codes))
    words = Counter(text[i : i + length] for i in range(len(text) - length + 1))
    found = kernel.plug_in(message(text), 3, length)
    if not words:
        assert np.isnan(found)
        return
    n = sum(words.values())
    expected = -sum(count / n * log2(count / n) for count in words.values()) / length
    assert found == pytest.approx(expected, abs=1e-12)


@given(MESSAGES)
def test_lempel_ziv_counts_the_phrases_of_the_dictionary(codes):
    text = "".join(map(str, codes))
    phrases, first = [], 0
    while first < len(text):
        for end in range(first + 1, len(text) + 1):
            if text[first:end] not in phrases:
                phrases.append(text[first:end])
                break
        first = end
    assert kernel.lempel_ziv(message(text), 3) == pytest.approx(len(phrases) / len(text))


def match_by_strings(text, i, window):
    longest = 0
    for length in range(1, window + 1):
        if i + length > len(text):
            break
        if any(text[j : j + length] == text[i : i + length] for j in range(i - window, i)):
            longest = length
    return longest + 1


@given(MESSAGES)
def test_kontoyiannis_is_the_formula_over_strings(codes):
    text = "".join(map(str, codes))
    points = range(1, len(text) // 2 + 1)
    found = kernel.kontoyiannis_expanding(message(text))
    if len(points) == 0:
        assert np.isnan(found)
    else:
        assert found == pytest.approx(np.mean([log2(i + 1) / match_by_strings(text, i, i) for i in points]))
    width = min(7, len(text) // 2)
    found = kernel.kontoyiannis_window(message(text), 7)
    if width == 0:
        assert np.isnan(found)
    else:
        points = range(width, len(text) - width + 1)
        expected = np.mean([log2(width + 1) / match_by_strings(text, i, width) for i in points])
        assert found == pytest.approx(expected)


def test_kontoyiannis_by_hand():
    # 1 0 1 0: the points 1 and 2 have matches of 0 and 2 symbols
    assert kernel.longest_match(message("1010"), 1, 1) == 1
    assert kernel.longest_match(message("1010"), 2, 2) == 3
    assert kernel.kontoyiannis_expanding(message("1010")) == pytest.approx((1.0 + log2(3) / 3) / 2)


def test_noise_has_more_entropy_than_a_pattern():
    noise = np.random.default_rng(0).integers(0, 2, 2_000)
    pattern = np.tile([0, 0, 1, 0, 1, 1], 334)[:2_000]
    for estimate in (
        lambda m: kernel.plug_in(m, 2, 5),
        lambda m: kernel.lempel_ziv(m, 2),
        kernel.kontoyiannis_expanding,
        lambda m: kernel.kontoyiannis_window(m, 100),
    ):
        assert estimate(noise) > 1.5 * estimate(pattern)
    # both converge to one bit from their sides
    assert kernel.plug_in(noise, 2, 5) == pytest.approx(1.0, abs=0.02)
    assert kernel.kontoyiannis_window(noise, 400) == pytest.approx(1.0, abs=0.15)


def test_no_symbols_no_entropy():
    empty = np.empty(0, dtype=np.int64)
    assert np.isnan(kernel.plug_in(empty, 2, 1))
    assert np.isnan(kernel.lempel_ziv(empty, 2))
    assert np.isnan(kernel.kontoyiannis_expanding(empty))
    assert np.isnan(kernel.kontoyiannis_window(empty, 3))


def test_codes_that_are_no_symbols_and_steps_without_width_are_refused():
    for codes in (message("0120"), np.array([0, -1, 1])):
        with pytest.raises(DataError, match="a code is not in 0"):
            kernel.plug_in(codes, 2, 1)
        with pytest.raises(DataError, match="a code is not in 0"):
            kernel.lempel_ziv(codes, 2)
    for sigma in (0.0, -1.0, np.nan):
        with pytest.raises(DataError, match="must be positive"):
            kernel.sigma_codes(np.zeros(3), 0.0, sigma, 4)


def test_encodings():
    x = np.array([0.5, -0.1, 0.0, np.nan, 2.0, -3.0])
    assert kernel.binary_codes(x).tolist() == [1, 0, -1, -1, 1, 0]
    assert kernel.symbols(kernel.binary_codes(x)).tolist() == [1, 0, 1, 0]
    edges = kernel.quantile_edges(np.array([5.0, 1.0, np.nan, 3.0, 2.0, 4.0, 6.0]), 3)
    assert edges.tolist() == [3.0, 5.0]
    assert kernel.quantile_codes(np.array([-9.0, 2.9, 3.0, 5.0, np.nan, 99.0]), edges).tolist() == [0, 0, 1, 2, -1, 2]
    assert kernel.sigma_codes(np.array([-9.0, 0.0, 0.99, 1.0, 2.5, 9.0, np.nan]), 0.0, 1.0, 4).tolist() == [
        0, 0, 0, 1, 2, 3, -1,
    ]  # fmt: skip


@given(st.integers(2, 10), st.integers(0, 1_000))
def test_quantile_classes_of_their_own_sample_are_of_equal_size(n_symbols, seed):
    x = np.random.default_rng(seed).normal(size=n_symbols * 12)
    codes = kernel.quantile_codes(x, kernel.quantile_edges(x, n_symbols))
    assert np.bincount(codes, minlength=n_symbols).tolist() == [12] * n_symbols
    assert kernel.plug_in(codes, n_symbols, 1) == pytest.approx(log2(n_symbols))


def test_rolling_is_each_window_by_itself():
    x = np.random.default_rng(2).normal(size=120)
    x[60] = np.nan
    binary, quantile = np.empty((120, 4)), np.empty((120, 4))
    kernel.rolling_entropy(kernel.binary_codes(x), 2, 30, 3, binary)
    kernel.rolling_quantile_entropy(x, 4, 30, 2, quantile)
    assert np.isnan(binary[:29]).all()
    assert np.isnan(quantile[:29]).all()
    for t in (29, 60, 119):
        window = x[t - 29 : t + 1]
        for found, codes, n_symbols, length in (
            (binary[t], kernel.binary_codes(window), 2, 3),
            (quantile[t], kernel.quantile_codes(window, kernel.quantile_edges(window, 4)), 4, 2),
        ):
            letters = kernel.symbols(codes)
            assert found.tolist() == [
                kernel.plug_in(letters, n_symbols, 1),
                kernel.plug_in(letters, n_symbols, length),
                kernel.lempel_ziv(letters, n_symbols),
                kernel.kontoyiannis_expanding(letters),
            ]
