"""purgedcv's splitters, timed and digested in their own process; run by the interpreter of the peers.

Reads one line from standard input and answers one line of JSON: ``seconds NAME`` answers processor seconds of one pass
over all splits of 100,000 events, ``digest NAME`` the SHA-256 of the rows of a case, ``versions`` what runs. The events
are those of benchmarks.splits.
"""

import hashlib
import json
import platform
import sys
import time
from datetime import timedelta
from importlib.metadata import version

import numpy as np
from purgedcv import CombinatorialPurgedCV, PurgedGroupKFold, PurgedKFold, WalkForwardSplit

MINUTE = 60_000_000


def irregular(n):
    rng = np.random.default_rng(7)
    t0 = np.cumsum(rng.integers(0, 120, n)) * 1_000_000
    return t0, t0 + rng.integers(1, 3_600, n) * 1_000_000


def grid(n):
    t0 = np.arange(n) * MINUTE
    return t0, t0 + 5 * MINUTE


def bound(events, kind, *sizes, **options):
    t0, t1 = (times.astype("datetime64[us]") for times in events)
    return kind(*sizes, prediction_times=t0, evaluation_times=t1, **options)


def grouped(events, **options):
    n = events[0].size
    return bound(events, PurgedGroupKFold, 4, groups=np.arange(n) // 7 % 40, **options)


HALF_HOUR = timedelta(minutes=30)
SMALL = {"irregular": irregular(1_003), "grid": grid(1_003)}
KINDS = {
    "k-fold": lambda e: bound(e, PurgedKFold, 7),
    "k-fold, rows": lambda e: bound(e, PurgedKFold, 7, embargo_observations=61),
    "k-fold, share": lambda e: bound(e, PurgedKFold, 7, embargo_fraction=0.0677),
    "k-fold, time": lambda e: bound(e, PurgedKFold, 7, embargo=HALF_HOUR),
    "combinatorial": lambda e: bound(e, CombinatorialPurgedCV, 6, 2),
    "combinatorial, rows": lambda e: bound(e, CombinatorialPurgedCV, 6, 3, embargo_observations=61),
    "combinatorial, share": lambda e: bound(e, CombinatorialPurgedCV, 9, 2, embargo_fraction=0.0677),
    "combinatorial, time": lambda e: bound(e, CombinatorialPurgedCV, 6, 2, embargo=HALF_HOUR),
    "walk-forward, anchored": lambda e: bound(e, WalkForwardSplit, 6, 120),
    "walk-forward, rolling": lambda e: bound(e, WalkForwardSplit, 6, 120, train_size=150, window="sliding"),
}
GROUPS = {
    "groups": lambda e: grouped(e),
    "groups, rows": lambda e: grouped(e, embargo_observations=8),
    "groups, time": lambda e: grouped(e, embargo=timedelta(minutes=3)),
}
CASES = {f"{kind}, {name}": (make, SMALL[name]) for name in SMALL for kind, make in KINDS.items()}
CASES |= {f"{kind}, grid": (make, SMALL["grid"]) for kind, make in GROUPS.items()}
LARGE = irregular(100_000)
TIMED = {
    "combinatorial": lambda: bound(LARGE, CombinatorialPurgedCV, 10, 2, embargo_fraction=0.01),
    "k-fold": lambda: bound(LARGE, PurgedKFold, 10, embargo_fraction=0.01),
    "walk-forward": lambda: bound(LARGE, WalkForwardSplit, 50, 1_000, train_size=20_000, window="sliding"),
}


def digest(name):
    make, events = CASES[name]
    found = hashlib.sha256()
    for train, test in make(events).split(events[0]):
        found.update(train.astype("<i8").tobytes() + b"|" + test.astype("<i8").tobytes() + b";")
    return found.hexdigest()


def seconds(name):
    splitter = TIMED[name]()
    started = time.thread_time()
    for _ in splitter.split(LARGE[0]):
        pass
    return time.thread_time() - started


def versions():
    names = ("purgedcv", "pandas", "scikit-learn", "numpy")
    return {"Python": platform.python_version(), **{name: version(name) for name in names}}


for line in sys.stdin:
    word, _, name = line.strip().partition(" ")
    print(json.dumps({"digest": digest, "seconds": seconds}[word](name) if name else versions()), flush=True)
