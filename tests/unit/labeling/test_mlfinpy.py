"""Events, labels and trends on real ticks against mlfinpy, one by one; its interpreter is in TSIS_PEERS_PYTHON."""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tsis.labeling.bar_positions import microseconds
from tsis.labeling.events import directions
from tsis.labeling.filters.cusum import CusumParams
from tsis.labeling.meta_labels import meta_labels_of
from tsis.labeling.trend_scanning import TrendParams, trend_labels
from tsis.labeling.triple_barrier import BarrierParams, labels
from tsis.labeling.volatility import bar_volatility

ROOT = Path(__file__).parents[3]
PYTHON = os.environ.get("TSIS_PEERS_PYTHON")
THRESHOLD, PT, SL, SECONDS, SHORTEST, LONGEST = 0.0004, 2.0, 3.0, 1_800, 5, 19

pytestmark = pytest.mark.skipif(not PYTHON, reason="TSIS_PEERS_PYTHON names no interpreter with mlfinpy")


@pytest.fixture(scope="module")
def minutes():
    """The last trade of every minute with any, of the 500,000 bundled ones."""
    trades = pl.read_parquet(ROOT / "data" / "sample" / "es_trades.parquet")
    closes = (
        trades.sort("ts", maintain_order=True)
        .group_by_dynamic("ts", every="1m", label="right")
        .agg(pl.col("price").last())
    )
    return closes.select(
        pl.col("ts").dt.cast_time_unit("us").alias("ts_close"),
        pl.lit(0, dtype=pl.Int64).alias("seq"),
        *(pl.col("price").cast(pl.Float64).alias(name) for name in ("open", "high", "low", "close")),
    )


@pytest.fixture(scope="module")
def events(minutes):
    close = minutes["close"].to_numpy()
    target = bar_volatility(close, 50)
    fired = directions(minutes, target, CusumParams(threshold_frac=THRESHOLD))
    sides = np.random.default_rng(6).choice([-1, 1], close.size)
    return minutes.select(
        ticker=pl.lit("ES"),
        bar_spec=pl.lit("time_1m"),
        t0="ts_close",
        seq="seq",
        kind=pl.lit("cusum"),
        side=pl.Series(sides, dtype=pl.Int8),
        target=pl.Series(target),
    ).filter(pl.Series(fired != 0), pl.col("target").is_finite())


@pytest.fixture(scope="module")
def theirs(minutes, events, tmp_path_factory):
    times = microseconds(minutes["ts_close"])
    start = np.searchsorted(times, microseconds(events["t0"]))
    path = tmp_path_factory.mktemp("peer") / "labels.npz"
    np.savez(
        path, ts_us=times, close=minutes["close"].to_numpy(), start=start, side=events["side"].to_numpy(),
        target=events["target"].to_numpy(), pt=PT, sl=SL, seconds=SECONDS, threshold=THRESHOLD,
        shortest=SHORTEST, longest=LONGEST,
    )  # fmt: skip
    command = [PYTHON, "-W", "ignore", str(ROOT / "benchmarks" / "peer_labels.py"), str(path)]
    words = ("events", "labels", "trends")
    asked = "".join(f"{word} mlfinpy {events.height}\n" for word in words)
    done = subprocess.run(command, input=asked, capture_output=True, text=True, timeout=240, check=True)
    return dict(zip(words, map(json.loads, done.stdout.splitlines()), strict=True))


def test_events(minutes, theirs):
    fired = directions(minutes, np.ones(minutes.height), CusumParams(threshold_frac=THRESHOLD))
    assert microseconds(minutes["ts_close"].filter(pl.Series(fired != 0))).tolist() == theirs["events"]
    assert len(theirs["events"]) > 200


def test_triple_barrier_label_by_label(minutes, events, theirs):
    params = BarrierParams(pt=PT, sl=SL, max_bars=None, max_seconds=SECONDS, vertical_label="zero")
    found = labels(events, minutes, params).join(events, on=["ticker", "bar_spec", "t0", "seq"], maintain_order="left")
    given = theirs["labels"]
    ended = [t1 for t1 in given["t1"] if t1 is not None]
    assert microseconds(found["t1"]).tolist() == ended
    assert microseconds(found["t0"]).tolist() == given["t0_labelled"]
    assert 150 < found.height < events.height
    assert set(found["barrier"]) == {"profit_taking", "stop_loss", "vertical"}
    # a short position's return is -r; mlfinpy turns the logarithm of the price ratio back, which gives 1 / (1 + r) - 1
    side, ret = found["side"].to_numpy(), found["ret_frac"].to_numpy()
    log_return = side * np.log1p(side * ret)
    np.testing.assert_allclose(np.expm1(log_return), given["ret"], rtol=0, atol=1e-13)
    # its label asks again, of logarithms, whether a barrier was exceeded; a loss is 0, the secondary label of AFML
    exceeded = log_return > PT * np.log1p(found["target"].to_numpy())
    np.testing.assert_array_equal(np.where(exceeded, 1, 0), given["bin"])
    near = np.abs(ret - PT * found["target"].to_numpy()) < 1e-4
    by_label = (found["label"] > 0).to_numpy()
    np.testing.assert_array_equal(by_label[~near], np.array(given["bin"])[~near] == 1)
    meta = meta_labels_of(events["side"], events, minutes, params)
    np.testing.assert_array_equal(meta["label"].to_numpy()[found["barrier"] == "stop_loss"], 0)


def test_trends(minutes, events, theirs):
    found = trend_labels(events, minutes, TrendParams(shortest=SHORTEST, longest=LONGEST))
    # mlfinpy wants one bar more than its longest window, and says the end of the chosen one
    n = len(theirs["trends"]["t0"])
    assert found.height - n <= 1
    found = found.head(n)
    start = np.searchsorted(microseconds(minutes["ts_close"]), microseconds(found["t0"]))
    ends = microseconds(minutes["ts_close"])[start + found["n_bars"].to_numpy() - 1]
    assert microseconds(found["t0"]).tolist() == theirs["trends"]["t0"]
    assert ends.tolist() == theirs["trends"]["t1"]
    np.testing.assert_allclose(found["t_value"], theirs["trends"]["t_value"], rtol=1e-6)
