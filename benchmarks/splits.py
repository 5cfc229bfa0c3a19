"""The splitters against purgedcv, index by index and in time, and against allocating the indices as the floor."""

from __future__ import annotations

import hashlib
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.contest import Contest, Target, timed
from benchmarks.dialogue import Dialogue, dialogue
from tsis.models.combinatorial_purged_cv import CombinatorialPurgedCV
from tsis.models.embargo import Embargo
from tsis.models.group_purged_k_fold import GroupPurgedKFold
from tsis.models.purged_k_fold import PurgedKFold
from tsis.models.splitter import Splitter
from tsis.models.walk_forward import WalkForward

Times = NDArray[np.int64]
Events = tuple[Times, Times]

EVENTS = 100_000
_PEER, _FLOOR = "purgedcv", "allocate and fill the index arrays (`np.arange`)"
_MINUTE = 60_000_000
_HALF_HOUR = timedelta(minutes=30)


class Peer:
    """A running purgedcv."""

    def __init__(self, peer: Dialogue) -> None:
        self._peer = peer

    def ask(self, line: str) -> Any:
        """Send one line and return the answer."""
        return self._peer.send(line)


def has_peer(python: str) -> bool:
    """Return whether the interpreter `python` has purgedcv."""
    return subprocess.run([python, "-c", "import purgedcv"], capture_output=True).returncode == 0


@contextmanager
def running_peer(python: str) -> Iterator[Peer]:
    """Start purgedcv under the interpreter `python`; it ends with the block."""
    with dialogue(python, "peer_splits.py") as peer:
        yield Peer(peer)


def irregular(n: int) -> Events:
    """Return events with ties, whose labels last up to an hour; those of the peer."""
    rng = np.random.default_rng(7)
    t0 = np.cumsum(rng.integers(0, 120, n)) * 1_000_000
    return t0, t0 + rng.integers(1, 3_600, n) * 1_000_000


def grid(n: int) -> Events:
    """Return an event a minute, whose labels end the moment another begins; those of the peer."""
    t0 = np.arange(n) * _MINUTE
    return t0, t0 + 5 * _MINUTE


def _rows(n: int) -> Embargo:
    return Embargo(rows=n, after="row")


def _share(frac: float) -> Embargo:
    return Embargo(frac=frac, after="row")


def _k_fold(embargo: Embargo) -> Callable[[Times, Times], Splitter]:
    return lambda t0, t1: PurgedKFold(7, t0, t1, embargo=embargo, closed="left")


def _combinatorial(n: int, k: int, embargo: Embargo) -> Callable[[Times, Times], Splitter]:
    return lambda t0, t1: CombinatorialPurgedCV(n, k, t0, t1, embargo=embargo, closed="left")


def _walk_forward(max_train: int | None) -> Callable[[Times, Times], Splitter]:
    return lambda t0, t1: WalkForward(t0, t1, n_splits=6, test_size=120, max_train=max_train, closed="left")


def _groups(embargo: Embargo) -> Callable[[Times, Times], Splitter]:
    return lambda t0, t1: GroupPurgedKFold(4, t0, t1, np.arange(t0.size) // 7 % 40, embargo=embargo, closed="left")


_KINDS = {
    "k-fold": _k_fold(Embargo()),
    "k-fold, rows": _k_fold(_rows(61)),
    "k-fold, share": _k_fold(_share(0.0677)),
    "k-fold, time": _k_fold(Embargo(time=_HALF_HOUR)),
    "combinatorial": _combinatorial(6, 2, Embargo()),
    "combinatorial, rows": _combinatorial(6, 3, _rows(61)),
    "combinatorial, share": _combinatorial(9, 2, _share(0.0677)),
    "combinatorial, time": _combinatorial(6, 2, Embargo(time=_HALF_HOUR)),
    "walk-forward, anchored": _walk_forward(None),
    "walk-forward, rolling": _walk_forward(150),
}
_GROUPS = {
    "groups": _groups(Embargo()),
    "groups, rows": _groups(_rows(8)),
    "groups, time": _groups(Embargo(time=timedelta(minutes=3))),
}
CASES = {f"{kind}, irregular": (make, irregular(1_003)) for kind, make in _KINDS.items()}
CASES |= {f"{kind}, grid": (make, grid(1_003)) for kind, make in (_KINDS | _GROUPS).items()}


def digest(name: str) -> str:
    """Return the SHA-256 of the rows of all splits of a case."""
    make, events = CASES[name]
    found = hashlib.sha256()
    for train, test in make(*events).split():
        found.update(train.astype("<i8").tobytes() + b"|" + test.astype("<i8").tobytes() + b";")
    return found.hexdigest()


def differences(peer: Peer) -> list[str]:
    """Return the cases in which a row differs."""
    return [f"{name}: other rows than {_PEER}'s" for name in CASES if digest(name) != peer.ask(f"digest {name}")]


def contests(peer: Peer | None) -> list[Contest]:
    """Return the contests; without a peer, against the floor only."""
    t0, t1 = irregular(EVENTS)
    embargo = _share(0.01)
    ways = {
        "combinatorial": ("CPCV(10, 2)", CombinatorialPurgedCV(10, 2, t0, t1, embargo=embargo, closed="left")),
        "k-fold": ("purged k-fold, 10 folds", PurgedKFold(10, t0, t1, embargo=embargo, closed="left")),
        "walk-forward": (
            "walk-forward, 50 blocks, 20,000 rows rolling",
            WalkForward(t0, t1, n_splits=50, test_size=1_000, max_train=20_000, closed="left"),
        ),
    }
    return [_contest(name, work, splitter, peer) for name, (work, splitter) in ways.items()]


def _contest(name: str, work: str, splitter: Splitter, peer: Peer | None) -> Contest:
    sizes = [(train.size, test.size) for train, test in splitter.split()]

    def split() -> None:
        for _ in splitter.split():
            pass

    def allocate() -> None:
        for n_train, n_test in sizes:
            _ = np.arange(n_train), np.arange(n_test)

    others = {_FLOOR: timed(allocate, 9, time.thread_time)}
    if peer:
        others = {_PEER: lambda: float(peer.ask(f"seconds {name}"))} | others
    return Contest(
        f"{work} of {EVENTS:,} events",
        timed(split, 9, time.thread_time),
        others,
        {_PEER: Target(1 / 50)} | ({_FLOOR: Target(1.5)} if name == "combinatorial" else {}),
        is_warmed=False,
    )
