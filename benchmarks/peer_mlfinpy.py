"""mlfinpy's dollar bars, timed inside its own process; run by the interpreter of the peers, never by ours.

Reads one word a line from standard input and answers one line of JSON: ``frame`` and ``file`` build the bars from a data
frame in memory or from the CSV file of mlfinpy's own wheel and answer the processor seconds, ``bars`` answers the bars,
``versions`` what runs. The threshold is the only argument.
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

THRESHOLD = float(sys.argv[1])
CSV = str(Path(mlfinpy.__file__).parent / "dataset" / "data" / "tick_data.csv")
ROWS = 1_000_000  # more than the file has: one batch

trades = pd.read_csv(CSV)


def build(source):
    return get_dollar_bars(source, threshold=THRESHOLD, batch_size=ROWS, verbose=False)


def seconds(source):
    started = time.thread_time()
    build(source)
    return time.thread_time() - started


ANSWERS = {
    "frame": lambda: seconds(trades),
    "file": lambda: seconds(CSV),
    "bars": lambda: build(trades).to_dict(orient="list"),
    "versions": lambda: {
        "Python": platform.python_version(),
        **{name: version(name) for name in ("mlfinpy", "pandas", "numba", "numpy")},
    },
}

for line in sys.stdin:
    print(json.dumps(ANSWERS[line.strip()]()), flush=True)
