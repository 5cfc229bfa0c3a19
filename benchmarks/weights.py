"""Average uniqueness, return attribution and the sequential bootstrap, against mlfinpy and against the book's formula.

``python -m benchmarks.weights`` prints the table of this part alone. The newest RiskLabAI that can be installed, 2.0.1,
has no sequential bootstrap; mlfinpy's is compiled and uses all cores.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.contest import Contest, Row, Target, Timer, hold, timed
from benchmarks.dialogue import Dialogue, dialogue
from tsis.core.jit import jit
from tsis.kernels.concurrency import concurrency, label_weights
from tsis.kernels.sequential_bootstrap import sequential_bootstrap

N_BARS, N_EVENTS, LONGEST = 1_000_000, 48_000, 100
UNIQUENESS_FASTER, BOOTSTRAP_FASTER = 200, 5_000
PEER_DRAWS = {1_000: 5, 5_000: 2}
"""Draws that the peer is given by number of events; its draws all cost the same, so its time is scaled to the whole."""
SEED = 7
Arrays = dict[str, NDArray[Any]]


def labels(n_events: int, n_bars: int) -> Arrays:
    """Return events on distinct bars with windows of 2 to `LONGEST` bars, and closes."""
    rng = np.random.default_rng(SEED)
    start = np.sort(rng.choice(n_bars - LONGEST, n_events, replace=False))
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 1e-3, n_bars)))
    return {"start": start, "end": start + rng.integers(1, LONGEST, n_events), "close": close}


def weights(made: Arrays) -> NDArray[np.float64]:
    """Return concurrency, average uniqueness and return attribution, as the stage computes them."""
    log_return = np.full(made["close"].size, np.nan)
    log_return[1:] = np.diff(np.log(made["close"]))
    alive = concurrency(made["start"], made["end"], made["close"].size)
    return label_weights(made["start"], made["end"], alive, log_return)


def draws(made: Arrays, n: int) -> NDArray[np.int64]:
    """Return `n` rows drawn by the uniforms that mlfinpy is given."""
    return sequential_bootstrap(made["start"], made["end"], np.random.RandomState(SEED).random_sample(n))


@jit
def plain_draws(start: Any, end: Any, uniform: Any) -> Any:
    """Return the rows that snippet 4.5 draws: every weight anew for every draw, but over windows and compiled."""
    count, weight = np.zeros(end.max() + 1), np.empty(start.size)
    rows = np.empty(uniform.size, dtype=np.int64)
    for k in range(uniform.size):
        for j in range(start.size):
            weight[j] = 0.0
            for t in range(start[j], end[j] + 1):
                weight[j] += 1.0 / (1.0 + count[t])
            weight[j] /= end[j] - start[j] + 1
        mass, row = uniform[k] * weight.sum(), 0
        while row < start.size - 1 and weight[row] <= mass:
            mass -= weight[row]
            row += 1
        rows[k] = row
        for t in range(start[row], end[row] + 1):
            count[t] += 1.0
    return rows


def first_draw_by_the_book(made: Arrays, n_candidates: int) -> float:
    """Return the seconds of the first draw by snippets 4.4 and 4.5 as they stand, from some of its candidates.

    Later draws take longer, for each candidate is put beside all rows drawn so far.
    """
    import pandas as pd

    bars, rows = np.arange(made["close"].size), np.linspace(0, made["start"].size - 1, n_candidates).astype(int)
    held = (bars[:, None] >= made["start"][rows]) & (bars[:, None] <= made["end"][rows])
    indicator = pd.DataFrame(held.astype(float), columns=rows)
    started = time.perf_counter()
    for row in rows:
        beside = indicator[[row]]
        unique = beside.div(beside.sum(axis=1), axis=0)
        unique[unique > 0].mean().iloc[-1]
    return (time.perf_counter() - started) / n_candidates * made["start"].size


class Peer:
    """A running mlfinpy and the arrays that it is given."""

    def __init__(self, peer: Dialogue, folder: Path) -> None:
        self._peer, self._folder = peer, folder

    def ask(self, do: str, made: Arrays | None = None, **more: int) -> Any:
        """Return the answer to one question about `made`."""
        return self._peer.send(json.dumps({"do": do, "file": self._file(made), **more}))

    def _file(self, made: Arrays | None) -> str:
        if made is None:
            return ""
        file = self._folder / f"{made['start'].size}_{made['close'].size}.npz"
        if not file.exists():
            np.savez(file, **made)
        return str(file)


@contextmanager
def running_peer(python: str) -> Iterator[Peer]:
    """Start mlfinpy under the interpreter `python`; it ends with the block."""
    with tempfile.TemporaryDirectory() as folder, dialogue(python, "peer_weights.py") as peer:
        yield Peer(peer, Path(folder))


def contests(peer: Peer | None) -> list[Contest]:
    """Return weights, then bootstraps; without a peer the bootstraps against the book's formula only."""
    made = labels(N_EVENTS, N_BARS)
    weights(labels(10, 1_000)), draws(labels(10, 1_000), 10)  # compiled before anything is timed
    return [*([_weights(made, peer)] if peer else []), *(_bootstrap(n, peer) for n in PEER_DRAWS)]


def _weights(made: Arrays, peer: Peer) -> Contest:
    return Contest(
        "48k labels on 1M bars → concurrency, average uniqueness and return attribution",
        timed(lambda: weights(made), 9, time.thread_time),
        {"mlfinpy, average uniqueness alone": lambda: float(peer.ask("uniqueness", made)["seconds"])},
        {"mlfinpy, average uniqueness alone": Target(1 / UNIQUENESS_FASTER)},
        made["start"].size,
        "labels",
        is_warmed=False,
    )


def _bootstrap(n: int, peer: Peer | None) -> Contest:
    made, uniform = labels(n, 20_000), np.random.RandomState(SEED).random_sample(n)
    plain_draws(made["start"], made["end"], uniform[:1])

    def scaled() -> float:
        if peer is None:
            raise RuntimeError("no peer")
        return float(peer.ask("draws", made, seed=SEED, n=PEER_DRAWS[n])["seconds"]) * n / PEER_DRAWS[n]

    others: dict[str, Timer] = {
        "the same without tree and matrix, compiled": timed(lambda: plain_draws(made["start"], made["end"], uniform)),
        "snippet 4.5 in pandas, from the first draw": lambda: first_draw_by_the_book(made, 5) * n,
    }
    theirs = f"mlfinpy, from {PEER_DRAWS[n]} draws"
    return Contest(
        f"{n:,} draws by sequential bootstrap from {n:,} labels",
        timed(lambda: draws(made, n), 15),
        others | ({theirs: scaled} if peer else {}),
        {theirs: Target(1 / BOOTSTRAP_FASTER)} if n == 5_000 else {},
        n,
        "draws",
        is_warmed=False,
    )


def differences(peer: Peer) -> list[str]:
    """Return where mlfinpy's weights differ by more than 1e-9 or its draws at all."""
    made = labels(2_000, 40_000)
    ours = weights(made)
    found = []
    for number, name in ((1, "uniqueness"), (2, "attribution")):
        theirs = np.asarray(peer.ask(name, made)["found"])
        values = ours[:, number] if number == 1 else ours[:, number] / ours[:, number].mean()
        gaps = np.abs(values - theirs)
        if gaps.max() > 1e-9:
            found.append(
                f"{name}: {np.count_nonzero(gaps > 1e-9):,} of {gaps.size:,} differ, by {gaps.max():g} at most"
            )
    small = labels(300, 3_000)
    theirs = np.asarray(peer.ask("draws", small, seed=SEED, n=300)["found"])
    n_other = int(np.count_nonzero(draws(small, 300) != theirs))
    return [*found, *([f"{n_other} of 300 draws differ"] if n_other else [])]


def main(rounds: int = 1) -> None:
    """Print what differs, and the table."""
    from benchmarks import report

    python = os.environ.get("TSIS_PEERS_PYTHON")
    rows: list[Row] = []
    if python is None:
        rows += [row for contest in contests(None) for row in hold(contest, rounds)]
    else:
        with running_peer(python) as peer:
            print(peer.ask("versions"), "differences:", differences(peer) or "none")
            rows += [row for contest in contests(peer) for row in hold(contest, rounds)]
    print(report.machine(), report.table(rows), sep="\n\n")


if __name__ == "__main__":
    sys.exit(main())
