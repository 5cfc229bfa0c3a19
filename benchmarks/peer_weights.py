"""mlfinpy's weights and sequential bootstrap, timed inside its own process; run by the interpreter of the peers.

Reads one JSON object a line from standard input: `do`, the `file` (npz) with the arrays, and for draws `seed` and `n`;
answers one line of JSON. Bars are minutes, and times are their closes.
"""

import json
import platform
import sys
import time
from functools import cache
from importlib.metadata import version

import numpy as np
import pandas as pd
from mlfinpy.sample_weights.attribution import get_weights_by_return
from mlfinpy.sampling.bootstrapping import _bootstrap_loop_run, get_ind_matrix, seq_bootstrap
from mlfinpy.sampling.concurrent import get_av_uniqueness_from_triple_barrier


@cache
def frames(file):
    arrays = np.load(file)
    index = pd.date_range("2000-01-01", periods=arrays["close"].size, freq="min", tz="UTC")
    close = pd.Series(arrays["close"], index=index)
    return pd.DataFrame({"t1": index[arrays["end"]]}, index=index[arrays["start"]]), close


@cache
def indicator(file):
    """Return the matrix of the sequential bootstrap, with its loop compiled; neither is timed."""
    events, close = frames(file)
    matrix = get_ind_matrix(events["t1"], close.to_frame())
    _bootstrap_loop_run(matrix[:10, :2].copy(), np.zeros(10))
    return matrix


def uniqueness(ask):
    return get_av_uniqueness_from_triple_barrier(*frames(ask["file"]), 1, verbose=False)["tW"].tolist()


def attribution(ask):
    return get_weights_by_return(*frames(ask["file"]), 1, verbose=False).tolist()


def draws(ask):
    random = np.random.RandomState(ask["seed"])
    return [int(row) for row in seq_bootstrap(indicator(ask["file"]), ask["n"], random_state=random)]


def timed(work, ask):
    if work is draws:
        indicator(ask["file"])
    clock = time.perf_counter if work is draws else time.thread_time  # the draws use all cores, the rest one
    started = clock()
    found = work(ask)
    return {"seconds": clock() - started, "found": found}


for line in sys.stdin:
    asked = json.loads(line)
    if asked["do"] == "versions":
        names = ("mlfinpy", "pandas", "numba", "numpy")
        answer = {"Python": platform.python_version(), **{name: version(name) for name in names}}
    else:
        answer = timed({"uniqueness": uniqueness, "attribution": attribution, "draws": draws}[asked["do"]], asked)
    print(json.dumps(answer), flush=True)
