"""RiskLabAI's fractional differentiation and SADF, timed inside their own process by the interpreter of the peers.

Reads one word a line from standard input and answers one line of JSON: ``ffd`` and ``sadf`` answer processor seconds,
``ffd_values`` and ``sadf_values`` what they found, ``versions`` what runs. The series are those of benchmarks.fracdiff.
"""

import json
import platform
import sys
import time
from importlib.metadata import version

import numpy as np
import pandas as pd
from RiskLabAI.data.differentiation import fractional_difference_fixed_single
from RiskLabAI.features.structural_breaks.structural_breaks import get_bsadf_statistic

LEAST = 20  # observations of the shortest window


def walk(n):
    return pd.Series(np.log(100.0) + np.cumsum(np.random.default_rng(7).normal(0.0, 1e-3, n)))


long, short = walk(1_000_000), walk(300)


def ffd():
    return fractional_difference_fixed_single(long, 0.4, 1e-5)


def sadf():
    ends = range(LEAST + 2, len(short) + 1)
    return [get_bsadf_statistic(short.iloc[:end], LEAST, "c", 1)["bsadf"] for end in ends]


def seconds(work):
    started = time.thread_time()
    work()
    return time.thread_time() - started


ANSWERS = {
    "ffd": lambda: seconds(ffd),
    "sadf": lambda: seconds(sadf),
    "ffd_values": lambda: ffd().dropna().iloc[::1_000].tolist(),
    "sadf_values": lambda: [float(value) for value in sadf()],
    "versions": lambda: {
        "Python": platform.python_version(),
        **{name: version(name) for name in ("RiskLabAI", "pandas", "numba", "numpy")},
    },
}

for line in sys.stdin:
    print(json.dumps(ANSWERS[line.strip()]()), flush=True)
