"""mlfinpy's dollar bars, timed inside its own process; run by the interpreter of the peers, never by ours.

Reads one word and a threshold a line from standard input and answers one line of JSON: ``frame`` and ``file`` build the
bars from a data frame in memory or from the CSV file of mlfinpy's own wheel and answer the processor seconds, ``bars``
answers the bars, ``versions`` what runs.
"""

import json
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path

import mlfinpy
import pandas as pd
from mlfinpy.data_structure import get_dollar_bars

CSV = str(Path(mlfinpy.__file__).parent / "dataset" / "data" / "tick_data.csv")
ROWS = 1_000_000  # more than the file has: one batch

trades = pd.read_csv(CSV)


def build(source, threshold):
    return get_dollar_bars(source, threshold=threshold, batch_size=ROWS, verbose=False)


def seconds(source, threshold):
    started = time.thread_time()
    build(source, threshold)
    return time.thread_time() - started


ANSWERS = {
    "frame": lambda threshold: seconds(trades, threshold),
    "file": lambda threshold: seconds(CSV, threshold),
    "bars": lambda threshold: build(trades, threshold).to_dict(orient="list"),
    "versions": lambda _: {
        "Python": platform.python_version(),
        **{name: version(name) for name in ("mlfinpy", "pandas", "numba", "numpy")},
    },
}

for line in sys.stdin:
    word, amount = line.split()
    print(json.dumps(ANSWERS[word](float(amount))), flush=True)
