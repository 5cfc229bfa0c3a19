"""Draws that avoid what was drawn: the sequential bootstrap of overlapping labels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tsis.core.jit import jit
from tsis.core.kernel import Array, Batch, Rows

Ints = NDArray[np.int64]

_BITS = 4
_FAN = 1 << _BITS
"""Children of a node in the trees: wide ones are shallow, and neighbours share most of the way up."""
_BLOCK = 32


@jit
def segments(start: Ints, end: Ints) -> tuple[Ints, Ints, Ints, Ints, Ints]:
    """Return the windows in segments: stretches of bars within which no window begins or ends.

    What holds for one bar of a segment holds for all, so the cost of what follows does not depend on how many bars
    there are.

    Returns
    -------
    first, last : (n,) segments of each window, both included.
    width : (s,) bars of each segment, s < 2 * n; no window holds those of a gap.
    order : (n,) rows by start, equal ones in row order.
    n_begun : (s,) windows that begin in the segment or before.
    """
    n = start.shape[0]
    order, by_end = np.argsort(start, kind="mergesort"), np.argsort(end, kind="mergesort")
    first, last = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64)
    edge, n_begun = np.empty(2 * n, dtype=np.int64), np.empty(2 * n, dtype=np.int64)
    i, j, s = 0, 0, 0
    while j < n:
        after = end[by_end[j]] + 1
        edge[s] = min(start[order[i]], after) if i < n else after
        while i < n and start[order[i]] == edge[s]:
            first[order[i]] = s
            i += 1
        while j < n and end[by_end[j]] + 1 == edge[s]:
            last[by_end[j]] = s - 1
            j += 1
        n_begun[s] = i
        s += 1
    return first, last, np.diff(edge[:s]), order, n_begun[: max(s - 1, 0)]


@jit
def sequential_bootstrap(start: Ints, end: Ints, uniform: NDArray[np.float64]) -> Ints:
    """Return rows drawn one after another, each as probable as it is unique given the rows drawn before it.

    The weight of a row is the mean over its bars of 1 / (1 + drawn windows that hold the bar). The row drawn for a
    uniform u is the first whose cumulative weight exceeds u times the total: López de Prado (2018), snippet 4.5, with
    what `numpy.random.choice` makes of a uniform.

    Weights are integers in units of 2 ** -s, where s = 62 - bits of max(rows, longest window), each within one unit of
    the real number. Sums of integers have neither order nor drift: after any number of draws the state is, to the bit,
    what a count from scratch gives. A draw can differ from that of real arithmetic only where u falls between a real
    boundary and the rounded one, with probability below 2 * rows * 2 ** -s / mean weight: 1e-10 a draw for 5,000 rows.

    With k windows overlapping the drawn one a draw takes O(k + log n) steps where rows are sorted by start, and
    O(k log n) where they are not; bars do not count.

    Parameters
    ----------
    start, end : (n,) first and last bar of each window, both included, end >= start, rows in any order. Not checked.
    uniform : (m,) in [0, 1), one a draw, read to 53 binary places: as many as NumPy's generators make.

    Returns
    -------
    (m,) row numbers; empty where there are no rows.
    """
    n, m = start.shape[0], uniform.shape[0]
    draws = np.empty(m, dtype=np.int64)
    if n == 0 or m == 0:
        return draws[:0]
    first, last, width, order, n_begun = segments(start, end)
    level = _levels(n)
    reach, latest = _latest_ends(last[order], level)

    length = end - start + 1
    unit = 1 << (62 - _bit_length(max(n, length.max())))
    share = np.empty(m + 3, dtype=np.int64)  # share[c] is 1 / c
    for c in range(1, m + 3):
        share[c] = (unit + (c >> 1)) // c
    weight_sum = length * unit
    tree = _sums(np.full(n, unit), level)
    count = np.zeros(width.shape[0], dtype=np.int64)
    lost = np.zeros(width.shape[0] + 1, dtype=np.int64)

    for draw in range(m):
        i = _find(tree, level, _floor_of_product(uniform[draw], tree[-1]))
        draws[draw] = i
        a, b = first[i], last[i]
        lost[a] = 0
        for t in range(a, b + 1):
            count[t] += 1
            lost[t + 1] = lost[t] + width[t] * (share[count[t]] - share[count[t] + 1])
        parent, carry = -1, 0
        p = n_begun[b]
        while p > 0 and latest[p - 1] >= a:
            p = _last_reaching(reach, level, p, a)
            j = order[p]
            weight_sum[j] -= lost[min(last[j], b) + 1] - lost[max(first[j], a)]
            change = (weight_sum[j] + (length[j] >> 1)) // length[j] - tree[j]
            tree[j] += change
            if j >> _BITS != parent:  # neighbours share a parent: it is told once
                _raise(tree, level, 1, parent, carry)
                parent, carry = j >> _BITS, 0
            carry += change
        _raise(tree, level, 1, parent, carry)
    return draws


@jit
def _bit_length(value: int) -> int:
    bits = 0
    while value >> bits:
        bits += 1
    return bits


@jit
def _levels(n: int) -> Ints:
    # where each level of a tree over n leaves begins, the leaves first, the root last, and the size of the whole
    sizes = [0, n]
    while sizes[-1] > 1:
        sizes.append((sizes[-1] + _FAN - 1) >> _BITS)
    return np.cumsum(np.array(sizes))


@jit
def _sums(leaves: Ints, level: Ints) -> Ints:
    tree = np.zeros(level[-1], dtype=np.int64)
    tree[: leaves.shape[0]] = leaves
    for k in range(1, level.shape[0] - 1):
        for node in range(level[k] - level[k - 1]):
            tree[level[k] + (node >> _BITS)] += tree[level[k - 1] + node]
    return tree


@jit
def _latest_ends(last: Ints, level: Ints) -> tuple[Ints, Ints]:
    # the tree of maxima over windows sorted by start, and their running maximum
    tree = np.zeros(level[-1], dtype=np.int64)
    tree[: last.shape[0]] = last
    for k in range(1, level.shape[0] - 1):
        for node in range(level[k] - level[k - 1]):
            above = level[k] + (node >> _BITS)
            tree[above] = max(tree[above], tree[level[k - 1] + node])
    latest = last.copy()
    for p in range(1, last.shape[0]):
        latest[p] = max(latest[p], latest[p - 1])
    return tree, latest


@jit
def _raise(tree: Ints, level: Ints, k: int, node: int, change: int) -> None:
    # add `change` to a node of level k and to all above it
    if change != 0:
        while k < level.shape[0] - 1:
            tree[level[k] + node] += change
            node >>= _BITS
            k += 1


@jit
def _find(tree: Ints, level: Ints, mass: int) -> int:
    # the first leaf whose cumulative weight exceeds `mass`, which is below the total
    node = 0
    for k in range(level.shape[0] - 3, -1, -1):
        node <<= _BITS
        while tree[level[k] + node] <= mass:
            mass -= tree[level[k] + node]
            node += 1
    return node


@jit
def _last_reaching(reach: Ints, level: Ints, p: int, segment: int) -> int:
    # the last position before p whose window ends at or after `segment`; there must be one
    k, node = 0, p - 1
    while True:
        block = (node >> _BITS) << _BITS
        while node >= block and reach[level[k] + node] < segment:
            node -= 1
        if node >= block:
            break
        node = (block >> _BITS) - 1
        k += 1
    while k > 0:
        k -= 1
        node = min((node << _BITS) + _FAN, level[k + 1] - level[k]) - 1
        while reach[level[k] + node] < segment:
            node -= 1
    return node


@jit
def _floor_of_product(fraction: float, total: int) -> int:
    # floor(fraction * total) without rounding: 53 bits of `fraction` times 62 bits, in pieces that fit 64
    m = int(fraction * 9007199254740992.0)
    high, low = total >> 53, total & 9007199254740991
    a, b = m >> 27, m & 134217727
    c, d = low >> 27, low & 134217727
    return m * high + ((a * c) << 1) + ((a * d + b * c + ((b * d) >> 27)) >> 26)


def _draws_by_block(arrays: tuple[Array, ...]) -> tuple[Rows, Ints]:
    # labels that begin on every bar of a block and end with the first higher price of it, or with the block
    price = arrays[0]
    n_blocks = price.shape[0] // _BLOCK
    rows = np.empty((n_blocks * _BLOCK, 1))
    uniform: NDArray[np.float64] = np.arange(1.0, _BLOCK + 1.0) * 0.6180339887498949 % 1.0
    for k in range(n_blocks):
        block = price[k * _BLOCK : (k + 1) * _BLOCK]
        start = np.arange(_BLOCK)
        is_higher = (block[None, :] > block[:, None]) & (start[None, :] > start[:, None])
        end = np.where(is_higher.any(axis=1), is_higher.argmax(axis=1), _BLOCK - 1)
        rows[k * _BLOCK : (k + 1) * _BLOCK, 0] = sequential_bootstrap(start, end, uniform)
    return rows, np.repeat(np.arange(1, n_blocks + 1) * _BLOCK - 1, _BLOCK)


DRAWS = Batch(inputs=("price",), run=_draws_by_block)
"""A bootstrap looks at a sample as a whole: here each block of bars is one, and its draws are known when it ends."""
