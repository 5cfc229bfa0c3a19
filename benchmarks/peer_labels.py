"""The peers' filters and labels, timed inside their own process; run by the interpreter of the peers, never by ours.

Its argument is an npz file: ts_us, close; start, side, target (events); pt, sl, seconds (the barriers), threshold (of
the CUSUM filter), shortest, longest (windows of trend scanning). Reads a word, a peer and a number of events a line
from standard input and answers one line of JSON: ``cusum``, ``barrier`` and ``trend`` answer processor seconds,
``events``, ``labels`` and ``trends`` what was found, ``versions`` what runs, where a peer that is not installed is left
out.
"""

import json
import platform
import sys
import time
import warnings
from importlib.metadata import PackageNotFoundError, version

import numpy as np
import pandas as pd
from mlfinpy.filters.filters import cusum_filter
from mlfinpy.labeling.labeling import add_vertical_barrier, get_bins, get_events
from mlfinpy.labeling.trend_scanning import trend_scanning_labels

try:
    from RiskLabAI.data import labeling as risklabai
except ImportError:
    risklabai = None

warnings.simplefilter("ignore")
given = np.load(sys.argv[1])
close = pd.Series(given["close"], index=pd.to_datetime(given["ts_us"], unit="us"))
start, pt_sl, seconds = given["start"], [float(given["pt"]), float(given["sl"])], int(given["seconds"])
target = pd.Series(given["target"], index=close.index[start])
side = pd.Series(given["side"].astype(float), index=close.index[start])


def mlfinpy_cusum(_):
    return cusum_filter(close, float(given["threshold"]))


def risklabai_cusum(_):
    return risklabai.symmetric_cusum_filter(np.log(close), float(given["threshold"]))


def mlfinpy_labels(n):
    at = target.index[:n]
    vertical = add_vertical_barrier(at, close, num_seconds=seconds)
    events = get_events(close, at, pt_sl, target, 0.0, 1, vertical, side, verbose=False)
    return events, get_bins(events, close)


def risklabai_labels(n):
    at = target.index[:n]
    last = close.index.searchsorted(at + pd.Timedelta(seconds=seconds))
    vertical = pd.Series(pd.NaT, index=at)
    vertical[last < close.size] = close.index[last[last < close.size]]
    events = pd.DataFrame({"End Time": vertical, "Base Width": target[:n], "Side": side[:n]})
    events["End Time"] = risklabai.triple_barrier(close, events, pt_sl, at)["End Time"]
    return events, risklabai.meta_labeling(events, close)


def mlfinpy_trends(n):
    # its longest window is one row shorter than what it is given
    return trend_scanning_labels(close, target.index[:n], int(given["longest"]) + 1, int(given["shortest"]))


WORK = {
    ("cusum", "mlfinpy"): mlfinpy_cusum,
    ("cusum", "RiskLabAI"): risklabai_cusum,
    ("barrier", "mlfinpy"): mlfinpy_labels,
    ("barrier", "RiskLabAI"): risklabai_labels,
    ("trend", "mlfinpy"): mlfinpy_trends,
}


def spent(work, n):
    started = time.thread_time()
    work(n)
    return time.thread_time() - started


def microseconds(times):
    """Return times since the epoch, null where there is none."""
    return [None if pd.isna(moment) else moment.value // 1_000 for moment in times]


def found_labels(n):
    events, bins = mlfinpy_labels(n)
    return {
        "t1": microseconds(events["t1"]),
        "t0_labelled": microseconds(bins.index),
        "ret": bins["ret"].tolist(),
        "bin": bins["bin"].tolist(),
    }


def found_trends(n):
    rows = mlfinpy_trends(n).dropna(subset=["t_value"])
    return {"t0": microseconds(rows.index), "t1": microseconds(rows["t1"]), "t_value": rows["t_value"].tolist()}


def versions():
    found = {"Python": platform.python_version()}
    for name in ("mlfinpy", "RiskLabAI", "pandas", "numba", "numpy"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


for line in sys.stdin:
    word, peer, number = line.split()
    if word == "versions":
        answer = versions()
    elif word == "events":
        answer = microseconds(mlfinpy_cusum(0))
    elif word == "labels":
        answer = found_labels(int(number))
    elif word == "trends":
        answer = found_trends(int(number))
    else:
        answer = spent(WORK[word, peer], int(number))
    print(json.dumps(answer), flush=True)
