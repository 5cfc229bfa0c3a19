"""mlfinpy's imbalance and runs bars, timed inside its own process; run by the interpreter of the peers, never by ours.

Reads from standard input, a line each: a word, ``const`` or ``ema``, a kind (``dollar_imbalance``, ``tick_run``, …),
the trades expected of the first bar, the window over trades and the window over bars. Answers one line of JSON:
``seconds`` builds the bars from a data frame in memory and answers the processor seconds, ``bars`` answers the bars and
their thresholds, ``versions`` what runs.
"""

import json
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path

import mlfinpy
import numpy as np
import pandas as pd
from mlfinpy.data_structure import imbalance_bars, run_bars

CSV = str(Path(mlfinpy.__file__).parent / "dataset" / "data" / "tick_data.csv")
ROWS = 1_000_000  # more than the file has: one batch

trades = pd.read_csv(CSV)


def build(expectation, kind, expected_ticks, ticks_window, bars_window, analyse_thresholds=False):
    module = run_bars if kind.endswith("run") else imbalance_bars
    make = getattr(module, f"get_{expectation}_{kind}_bars")
    options = {"num_prev_bars": bars_window} if kind.endswith("run") or expectation == "ema" else {}
    return make(
        trades,
        expected_imbalance_window=ticks_window,
        exp_num_ticks_init=expected_ticks,
        batch_size=ROWS,
        verbose=False,
        analyse_thresholds=analyse_thresholds,
        **options,
    )


def seconds(*arguments):
    started = time.thread_time()
    build(*arguments)
    return time.thread_time() - started


def bars_and_thresholds(*arguments):
    bars, every_tick = build(*arguments, analyse_thresholds=True)
    at_close = every_tick.iloc[bars["tick_num"].to_numpy() - 1]
    if "expected_imbalance" in at_close:
        expected = at_close["expected_imbalance"].abs()
    else:
        share = at_close["exp_buy_ticks_proportion"]
        expected = np.maximum(at_close["exp_imbalance_buy"] * share, at_close["exp_imbalance_sell"] * (1 - share))
    return bars.assign(threshold=(at_close["exp_num_ticks"] * expected).to_numpy()).to_dict(orient="list")


ANSWERS = {
    "seconds": seconds,
    "bars": bars_and_thresholds,
    "versions": lambda *_: {
        "Python": platform.python_version(),
        **{name: version(name) for name in ("mlfinpy", "pandas", "numba", "numpy")},
    },
}

for line in sys.stdin:
    word, expectation, kind, *windows = line.split()
    print(json.dumps(ANSWERS[word](expectation, kind, *map(int, windows))), flush=True)
