"""Laws 1, 2 and 5 of a fold, tried on given arrays."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from tsis.core.kernel import Array, Fold, Rows


def bits(rows: Array) -> tuple[str, tuple[int, ...], bytes]:
    """Return dtype, shape and bytes; a NaN is a NaN, whatever its sign."""
    rows = np.ascontiguousarray(rows).copy()
    if rows.dtype.kind == "f":
        rows[np.isnan(rows)] = np.nan
    return rows.dtype.str, rows.shape, rows.tobytes()


def _resumed(state: Rows) -> Rows:
    return np.frombuffer(state.tobytes()).copy()


def _chunked(fold: Fold, arrays: tuple[Array, ...], edges: list[int]) -> tuple[Rows, Rows]:
    """Return (rows, state) of `arrays` cut at `edges`, with the state saved as bytes and reloaded at every cut."""
    state, parts = fold.initial_state(), []
    for first, end in pairwise(edges):
        state = _resumed(state)
        parts.append(np.array(fold.run(tuple(array[first:end] for array in arrays), state)))
    return np.concatenate(parts), state


def broken_laws(fold: Fold, arrays: tuple[Array, ...], seed: int) -> tuple[list[str], int]:
    """Return what the fold breaks on the arrays (n,), and how many of its values are numbers."""
    n = len(arrays[0])
    before = [array.tobytes() for array in arrays]
    state = fold.initial_state()
    whole = np.array(fold.run(arrays, state))
    broken = []
    if [array.tobytes() for array in arrays] != before:
        broken.append("changes its inputs")
    if state.dtype != np.float64 or state.ndim != 1:
        broken.append("its state is no flat float64 array")
    random = np.random.default_rng(seed)
    ways = {"in pieces": [0, *np.sort(random.integers(0, n + 1, 7)).tolist(), n], "row by row": list(range(n + 1))}
    for way, edges in ways.items():
        rows, after = _chunked(fold, arrays, edges)
        if bits(rows) != bits(whole):
            broken.append(f"{way}: other rows")
        if bits(after) != bits(state):
            broken.append(f"{way}: another state")
    for cut in random.integers(1, n, 5).tolist():
        rows = np.array(fold.run(tuple(array[:cut] for array in arrays), fold.initial_state()))
        if bits(rows) != bits(whole[: len(rows)]):
            broken.append("looks ahead")
    return broken, int(np.isfinite(whole).sum())
