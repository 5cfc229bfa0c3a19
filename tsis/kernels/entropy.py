"""Entropy of messages, in bits a symbol (AFML 18).

A message is an array of codes 0, 1, ..., n_symbols - 1, oldest first; a negative code says that there is no symbol, and
is left out. An estimator that has too few symbols returns NaN.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tsis.core.errors import DataError
from tsis.core.jit import jit
from tsis.core.kernel import Array, Batch, Rows

ENTROPIES: Final = ("shannon", "plug_in", "lempel_ziv", "kontoyiannis")
"""Columns of `rolling_entropy`."""


@jit
def symbols(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the codes that are symbols."""
    message, n = np.empty_like(codes), 0
    for code in codes:
        if code >= 0:
            message[n] = code
            n += 1
    return message[:n]


@jit
def _require_symbols(message: NDArray[np.int64], n_symbols: int) -> None:
    for code in message:
        if code < 0 or code >= n_symbols:
            raise DataError(
                "entropy: a code is not in 0 .. n_symbols - 1; take `symbols` of the codes, check n_symbols"
            )


@jit
def _sort(words: NDArray[np.int64]) -> None:
    # Shell's: numba takes 4 s to compile its own
    gap = words.shape[0] // 2
    while gap > 0:
        for i in range(gap, words.shape[0]):
            word, j = words[i], i
            while j >= gap and words[j - gap] > word:
                words[j] = words[j - gap]
                j -= gap
            words[j] = word
        gap //= 2


@jit
def plug_in(message: NDArray[np.int64], n_symbols: int, word_length: int) -> float:
    """Return the entropy of the observed words over their length, the maximum likelihood estimator (AFML 18.3).

    All ``len(message) - word_length + 1`` words count; the book's snippet 18.1 leaves out the last one. With words of
    one symbol this is Shannon's entropy. ``n_symbols ** word_length`` must be below 2^63.

    Raises
    ------
    DataError
        If a code is no symbol.
    """
    _require_symbols(message, n_symbols)
    n = message.shape[0] - word_length + 1
    if n < 1:
        return np.nan
    words = np.zeros(n, dtype=np.int64)
    for i in range(n):
        for j in range(word_length):
            words[i] = words[i] * n_symbols + message[i + j]
    _sort(words)
    bits, first = 0.0, 0
    for i in range(1, n + 1):
        if i == n or words[i] != words[first]:
            share = (i - first) / n
            bits -= share * np.log2(share)
            first = i
    return float(bits / word_length)


@jit
def lempel_ziv(message: NDArray[np.int64], n_symbols: int) -> float:
    """Return the number of phrases of the Lempel-Ziv (1978) dictionary over the length of the message.

    AFML snippet 18.2: each phrase is the longest known one and the symbol that follows; one that the message cuts short
    is not counted. A complexity between 0 and 1, for comparing messages of equal length.

    Raises
    ------
    DataError
        If a code is no symbol.
    """
    _require_symbols(message, n_symbols)
    n = message.shape[0]
    if n == 0:
        return np.nan
    longer = np.zeros((n + 1, n_symbols), dtype=np.int64)  # phrase and symbol to phrase; 0 is none and the empty one
    n_phrases, phrase = 0, 0
    for symbol in message:
        if longer[phrase, symbol] > 0:
            phrase = longer[phrase, symbol]
        else:
            n_phrases += 1
            longer[phrase, symbol] = n_phrases
            phrase = 0
    return float(n_phrases / n)


@jit
def longest_match(message: NDArray[np.int64], i: int, window: int) -> int:
    """Return 1 + the length of the longest word at `i` that also begins in the `window` symbols before it.

    At most `window` symbols; the match may run over `i` (AFML snippet 18.3).
    """
    longest, most = 0, min(window, message.shape[0] - i)
    for j in range(i - window, i):
        length = 0
        while length < most and message[j + length] == message[i + length]:
            length += 1
        longest = max(longest, length)
    return longest + 1


@jit
def kontoyiannis_expanding(message: NDArray[np.int64]) -> float:
    """Return Kontoyiannis' estimator, each point matched with all that came before it (AFML snippet 18.4).

    The mean of log2(i + 1) / L[i] over the points 1 to half of the message, L from `longest_match`; the + 1 avoids
    Doeblin's condition.
    """
    n_points = message.shape[0] // 2
    total = 0.0
    for i in range(1, n_points + 1):
        total += np.log2(i + 1.0) / longest_match(message, i, i)
    return float(total / n_points) if n_points > 0 else np.nan


@jit
def kontoyiannis_window(message: NDArray[np.int64], window: int) -> float:
    """Return Kontoyiannis' estimator, each point matched with the `window` symbols before it (AFML snippet 18.4).

    The mean of log2(window + 1) / L over the points that have as many symbols before them and from them on; a window of
    more than half of the message counts as half of it.
    """
    width = min(window, message.shape[0] // 2)
    n_points = message.shape[0] - 2 * width + 1
    if width < 1:
        return np.nan
    total = 0.0
    for i in range(width, width + n_points):
        total += np.log2(width + 1.0) / longest_match(message, i, width)
    return float(total / n_points)


@jit
def entropies(codes: NDArray[np.int64], n_symbols: int, word_length: int, out: NDArray[np.float64]) -> None:
    """Write the four entropies of one message, `ENTROPIES` in order, Kontoyiannis' with an expanding window."""
    message = symbols(codes)
    out[0] = plug_in(message, n_symbols, int(np.int64(1)))  # no literal: it would be compiled twice
    out[1] = plug_in(message, n_symbols, word_length)
    out[2] = lempel_ziv(message, n_symbols)
    out[3] = kontoyiannis_expanding(message)


@jit
def rolling_entropy(
    codes: NDArray[np.int64], n_symbols: int, window: int, word_length: int, out: NDArray[np.float64]
) -> None:
    """Write the `entropies` of the last `window` codes of each row into `out` (n, 4); NaN until there are as many."""
    out[:] = np.nan
    for t in range(window - 1, codes.shape[0]):
        entropies(codes[t - window + 1 : t + 1], n_symbols, word_length, out[t])


@jit
def rolling_quantile_entropy(
    x: NDArray[np.float64], n_symbols: int, window: int, word_length: int, out: NDArray[np.float64]
) -> None:
    """Write the `entropies` of the last `window` values of each row into `out` (n, 4), coded by their own quantiles.

    NaN until there are as many values.
    """
    out[:] = np.nan
    for t in range(window - 1, x.shape[0]):
        values = x[t - window + 1 : t + 1]
        entropies(quantile_codes(values, quantile_edges(values, n_symbols)), n_symbols, word_length, out[t])


@jit
def binary_codes(x: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return 1 where a value is positive and 0 where it is negative; zero and NaN are no symbol (AFML 18.5.1)."""
    codes = np.empty(x.shape[0], dtype=np.int64)
    for i in range(x.shape[0]):
        codes[i] = 1 if x[i] > 0.0 else (0 if x[i] < 0.0 else -1)
    return codes


@jit
def quantile_edges(x: NDArray[np.float64], n_symbols: int) -> NDArray[np.float64]:
    """Return the `n_symbols` - 1 inner quantiles of a sample, NaN left out: values of the sample, of ranks below them.

    Taken of a training window, so that coding a later value looks at nothing later (AFML 18.5.2). NaN of an empty one.
    """
    ordered = np.sort(x)  # NaN last
    n = ordered.shape[0]
    while n > 0 and np.isnan(ordered[n - 1]):
        n -= 1
    edges = np.full(n_symbols - 1, np.nan)
    if n > 0:
        for j in range(1, n_symbols):
            edges[j - 1] = ordered[j * n // n_symbols]
    return edges


@jit
def quantile_codes(x: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the number of edges at or below each value; NaN is no symbol."""
    codes = np.empty(x.shape[0], dtype=np.int64)
    for i in range(x.shape[0]):
        codes[i] = -1 if np.isnan(x[i]) else 0
        for edge in edges:
            if x[i] >= edge:
                codes[i] += 1
    return codes


@jit
def sigma_codes(x: NDArray[np.float64], lowest: float, sigma: float, n_symbols: int) -> NDArray[np.int64]:
    """Return in which step of width `sigma` above `lowest` each value lies, the outer ones in the outer steps.

    AFML 18.5.3, where `lowest` is the smallest value and `n_symbols` the steps to the largest one of the sample. NaN is
    no symbol.

    Raises
    ------
    DataError
        If `sigma` is not positive.
    """
    if not sigma > 0.0:
        raise DataError("entropy: the width of a step must be positive")
    codes = np.empty(x.shape[0], dtype=np.int64)
    for i in range(x.shape[0]):
        codes[i] = -1
        if not np.isnan(x[i]):
            codes[i] = int(min(max(np.floor((x[i] - lowest) / sigma), 0.0), n_symbols - 1.0))
    return codes


def _run_binary(arrays: tuple[Array, ...]) -> tuple[Rows, NDArray[np.int64]]:
    out = np.empty((arrays[0].shape[0], len(ENTROPIES)))
    rolling_entropy(binary_codes(arrays[0]), 2, 50, 3, out)
    return out, np.arange(out.shape[0])


def _run_quantile(arrays: tuple[Array, ...]) -> tuple[Rows, NDArray[np.int64]]:
    out = np.empty((arrays[0].shape[0], len(ENTROPIES)))
    rolling_quantile_entropy(arrays[0], 5, 50, 2, out)
    return out, np.arange(out.shape[0])


def _run_sigma(arrays: tuple[Array, ...]) -> tuple[Rows, NDArray[np.int64]]:
    codes = sigma_codes(arrays[0], -5e-3, 1e-3, 10)
    ends = np.arange(39, codes.shape[0])
    return np.array([kontoyiannis_window(symbols(codes[end - 39 : end + 1]), 10) for end in ends]), ends


BINARY_ENTROPY: Final = Batch(("log_return",), _run_binary)
QUANTILE_ENTROPY: Final = Batch(("log_return",), _run_quantile)
SIGMA_ENTROPY: Final = Batch(("log_return",), _run_sigma)
