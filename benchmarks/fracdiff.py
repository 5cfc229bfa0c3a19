"""Fractional differentiation and SADF against RiskLabAI, and against numpy's convolution as the floor."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.contest import Contest, Target, timed
from benchmarks.dialogue import Dialogue, dialogue
from tsis.kernels.fracdiff import fixed_weights, fixed_window
from tsis.kernels.structural_breaks import CONSTANT, sadf

FFD_ROWS, SADF_ROWS = 1_000_000, 300
LEAST = 20
"""Observations of the shortest window of SADF; with one lag these are 22 rows."""
_PEER = "RiskLabAI"


class Peer:
    """A running RiskLabAI."""

    def __init__(self, peer: Dialogue) -> None:
        self._peer = peer

    def ask(self, word: str) -> Any:
        """Send one word and return the answer."""
        return self._peer.send(word)


@contextmanager
def running_peer(python: str) -> Iterator[Peer]:
    """Start RiskLabAI under the interpreter `python`; it ends with the block."""
    with dialogue(python, "peer_fracdiff.py") as peer:
        yield Peer(peer)


def walk(n: int) -> NDArray[np.float64]:
    """Return made-up log prices, those of the peer."""
    return np.log(100.0) + np.cumsum(np.random.default_rng(7).normal(0.0, 1e-3, n))


def ffd(x: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the fixed-width window fractional difference."""
    out = np.empty(x.size)
    fixed_window(x, weights, np.zeros(weights.size), out)
    return out


def ffd_live(x: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the same, one row a call."""
    state, out = np.zeros(weights.size), np.empty(x.size)
    for i in range(x.size):
        fixed_window(x[i : i + 1], weights, state, out[i : i + 1])
    return out


def bsadf(y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return SADF at every row over all windows that end there, one lag and a constant."""
    out = np.empty((y.size, 2))
    sadf(y, LEAST + 2, y.size, 1, CONSTANT, out)
    return out[LEAST + 1 :, 0]


def contests(peer: Peer | None) -> list[Contest]:
    """Return the contests; without a peer, FFD against the floor only."""
    x, y, weights = walk(FFD_ROWS), walk(SADF_ROWS), fixed_weights(0.4, 1e-5)
    floor = {"`np.convolve`": timed(lambda: np.convolve(x, weights, mode="valid"), 1, time.thread_time)}
    made = [
        Contest(
            f"fractional differentiation of {FFD_ROWS:,} rows, {weights.size:,} taps",
            timed(lambda: ffd(x, weights), 1, time.thread_time),
            ({_PEER: lambda: float(peer.ask("ffd"))} if peer else {}) | floor,
            {_PEER: Target(1 / 2)},
            FFD_ROWS,
            "rows",
        )
    ]
    if peer:
        made.append(
            Contest(
                f"SADF at every one of {SADF_ROWS} rows, one lag",
                timed(lambda: bsadf(y), 9, time.thread_time),
                {_PEER: lambda: float(peer.ask("sadf"))},
                {},
                SADF_ROWS,
                "rows",
                is_warmed=False,
            )
        )
    return made


def differences(peer: Peer | None) -> list[str]:
    """Return where batch and live differ, in any bit, and where the peer's values are not ours."""
    x, weights = walk(FFD_ROWS), fixed_weights(0.4, 1e-5)
    ours, n_live = ffd(x, weights), 5_000
    found = []
    if ffd_live(x[:n_live], weights).tobytes() != ours[:n_live].tobytes():
        found.append("FFD: batch and live differ")
    if peer:
        pairs = {
            "FFD": (ours[weights.size - 1 :][::1_000], peer.ask("ffd_values"), 1e-12),
            "SADF": (bsadf(walk(SADF_ROWS)), peer.ask("sadf_values"), 1e-5),
        }
        for name, (one, other, most) in pairs.items():
            gap = np.abs(one - np.asarray(other)).max() if one.size == len(other) else np.inf
            if not gap <= most:
                found.append(f"{name}: {_PEER}'s values differ by {gap:g}")
    return found
