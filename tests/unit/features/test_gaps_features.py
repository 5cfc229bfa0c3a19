"""Fair value gaps against known paths and against an independent plain implementation, bar by bar."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest
from gap_rows import DAY_US, PLACE, chunked, columns, rows
from given_rows import streams
from pydantic import ValidationError

from tsis.core.stream import N_GIVEN, N_STREAMS
from tsis.features.engine import Engine
from tsis.features.gaps.fair_value_gap import FairValueGapParams, QualityWeights, fair_value_gap
from tsis.kernels.timeframe_bars import TIMEFRAME_STATE, timeframe_bars

MINUTES = {"M5": 5, "M15": 15, "M30": 30, "H1": 60, "H4": 240, "D1": 0}


def timeframe_rows(given, minutes):
    """Return what the kernel makes of the rows: row, end, open, high, low, close, volume of each bar."""
    x = np.full((N_STREAMS, len(given)), np.nan)
    x[:N_GIVEN] = given.T
    out = np.empty((2 * len(given), 7))
    return out[: timeframe_bars(x, minutes * 60e6, np.zeros(TIMEFRAME_STATE), out)]


def frame(given):
    names = [
        "ts_open",
        "ts_close",
        "open",
        "high",
        "low",
        "close",
        "volume",
        "session",
        "session_open",
        "session_close",
    ]
    data = {name: given[:, PLACE[name]] for name in names}
    times = [
        pl.col(name).cast(pl.Int64).cast(pl.Datetime("us")) for name in names if name.startswith(("ts_", "session_"))
    ]
    return pl.DataFrame(data).with_columns(times).with_row_index("row")


OHLCV = [
    pl.col("open").first(),
    pl.col("high").max(),
    pl.col("low").min(),
    pl.col("close").last(),
    pl.col("volume").sum(),
]


# bars of a higher timeframe


@pytest.mark.parametrize("name", ["M15", "M30", "H1", "H4"])
@pytest.mark.parametrize("seed", [1, 2])
def test_intraday_bars_are_the_closed_buckets_of_polars(name, seed):
    given = rows(900, seed)
    buckets = frame(given).group_by_dynamic(
        "ts_close", every=f"{MINUTES[name]}m", period=f"{MINUTES[name]}m", closed="right", label="right"
    )
    expected = buckets.agg(*OHLCV, last_row=pl.col("row").max()).to_dicts()
    found = timeframe_rows(given, MINUTES[name])
    ts_close = given[:, PLACE["ts_close"]]
    # known at the bucket's end where a row ends there, else with the first row after it
    assert len(expected) - len(found) <= 1
    for bar, bucket in zip(found, expected, strict=False):
        end_us = bucket["ts_close"].replace(tzinfo=UTC).timestamp() * 1e6
        ends_there = ts_close[bucket["last_row"]] == end_us
        assert bar[0] == (bucket["last_row"] if ends_there else bucket["last_row"] + 1)
        assert bar[1] == end_us
        np.testing.assert_allclose(bar[2:], [bucket[c] for c in ("open", "high", "low", "close", "volume")], rtol=1e-13)


def test_the_bar_of_a_day_is_its_session():
    given = rows(2_000, 3)
    # the last minutes of every third session are missing
    ends, third = given[:, PLACE["session_close"]], given[:, PLACE["session"]] % 3 == 0
    given = given[~(third & (given[:, PLACE["ts_close"]] > ends - 1e9) & (given[:, PLACE["ts_close"]] <= ends))]
    within = frame(given).filter(
        pl.col("ts_close") > pl.col("session_open"), pl.col("ts_open") < pl.col("session_close")
    )
    expected = within.group_by("session", maintain_order=True).agg(
        *OHLCV, row=pl.col("row").max(), is_full=(pl.col("ts_close") >= pl.col("session_close")).last()
    )
    found = timeframe_rows(given, 0)
    assert 0 <= expected.height - len(found) <= 1
    assert not expected["is_full"].all()
    for bar, day in zip(found, expected.iter_rows(named=True), strict=False):
        # the close may be missing: then the first row after it tells
        assert bar[0] == day["row"] + (not day["is_full"])
        np.testing.assert_allclose(bar[2:], [day[c] for c in ("open", "high", "low", "close", "volume")], rtol=1e-13)


def made(bars, start="2020-01-06T14:30", minutes=1, volume=100.0):
    """Return rows of (open, high, low, close), one after the other; the session is 14:30 to 21:00."""
    first = int(datetime.fromisoformat(start).replace(tzinfo=UTC).timestamp()) * 1_000_000
    found = np.full((len(bars), N_GIVEN), np.nan)
    for i, bar in enumerate(bars):
        found[i, PLACE["ts_open"]] = first + i * minutes * 60_000_000
        found[i, PLACE["ts_close"]] = first + (i + 1) * minutes * 60_000_000
        found[i, PLACE["open"] : PLACE["close"] + 1] = bar
        found[i, PLACE["volume"]] = volume
        day = (first + i * minutes * 60_000_000) // DAY_US
        found[i, PLACE["session"]] = day
        found[i, PLACE["session_open"]] = day * DAY_US + 52_200_000_000
        found[i, PLACE["session_close"]] = day * DAY_US + 75_600_000_000
    return found


def test_a_row_at_the_end_completes_the_bar_and_one_beyond_it_is_not_in_it():
    given = made([(10, 11, 9, 10)] * 7)
    assert timeframe_rows(given, 5)[:, 0].tolist() == [4]
    without = np.delete(given, 4, axis=0)
    without[4, PLACE["high"]] = 99.0
    bars = timeframe_rows(without, 5)
    assert bars[:, 0].tolist() == [4]
    assert bars[0, 3] == 11.0


def test_of_rows_that_close_together_the_first_completes_the_bar():
    given = made([(10, 11, 9, 10)] * 6)
    given[5, PLACE["ts_close"]] = given[4, PLACE["ts_close"]]
    given[5, PLACE["high"]] = 99.0
    bars = timeframe_rows(np.vstack([given, made([(10, 11, 9, 10)] * 10, "2020-01-06T14:35")]), 5)
    assert bars[:, 0].tolist() == [4, 10, 15]
    assert bars[:, 3].tolist() == [11.0, 99.0, 11.0]


# paths with known gaps

FLAT = [(100.0, 100.5, 99.5, 100.0)] * 16
"""True range 1, so that the ATR is 1."""
# the middle bar opens at 100.2 and closes at 103; the gap is 100.5 to 102
UP = [(100.0, 100.5, 99.5, 100.2), (100.2, 103.2, 100.0, 103.0), (103.0, 104.0, 102.0, 103.5)]


def of_path(path, direction="bullish", timeframe="M1", **params):
    given = made([*FLAT, *path])
    if direction == "bearish":
        prices = given[:, PLACE["open"] : PLACE["close"] + 1]
        mirrored = 200.0 - prices
        mirrored[:, [1, 2]] = mirrored[:, [2, 1]]
        given[:, PLACE["open"] : PLACE["close"] + 1] = mirrored
    found = columns(Engine([fair_value_gap(FairValueGapParams(timeframes=(timeframe,), **params))]), given)
    names = ("distance", "size", "age", "filled", "quality", "count", "state")
    return {name: found[f"fvg_{timeframe.lower()}_{direction}_{name}"][len(FLAT) :] for name in names}


@pytest.mark.parametrize("direction", ["bullish", "bearish"])
def test_a_gap_is_known_at_the_close_of_the_third_bar(direction):
    found = of_path(UP, direction)
    assert found["count"].tolist() == [0.0, 0.0, 1.0]
    assert np.isnan(found["size"][:2]).all()
    assert np.isnan(found["state"][:2]).all()
    atr = 1.0
    for true_range in (1.0, 3.2, 2.0):
        atr = (13 * atr + true_range) / 14
    assert found["size"][2] == pytest.approx(1.5 / atr, rel=1e-12)
    assert found["distance"][2] == pytest.approx(1.5 / atr, rel=1e-12)
    assert (found["age"][2], found["filled"][2], found["state"][2]) == (0.0, 0.0, 0.0)
    size, displacement, volume = 1.5 / atr, 2.8 / atr, 1.0
    parts = [0.3 * size / (1 + size), 0.25 * displacement / (1 + displacement), 0.15 * volume / (1 + volume), 0.2, 0.0]
    # trend: no EMA of 20 bars yet, so its weight is left out; the first minutes are in the session
    expected = (sum(parts[:3]) + 0.1) / 0.8
    assert of_path(UP, direction)["quality"][2] == pytest.approx(expected, rel=1e-12)
    with_trend = of_path(UP, direction, trend_period=5)["quality"][2]
    assert with_trend == pytest.approx(sum(parts) + 0.1, rel=1e-12)


@pytest.mark.parametrize("direction", ["bullish", "bearish"])
def test_a_gap_is_filled_step_by_step(direction):
    path = [
        *UP,
        (103.5, 104.0, 102.0, 103.0),  # at the edge: not touched
        (103.0, 103.5, 101.5, 102.5),  # a third of it
        (102.5, 103.0, 101.8, 102.0),  # less deep
        (102.0, 102.5, 100.5, 101.0),  # to the far edge
        (101.0, 101.5, 100.0, 100.0),
    ]
    found = of_path(path, direction)
    np.testing.assert_allclose(found["filled"][2:6], [0.0, 0.0, 1 / 3, 1 / 3], rtol=1e-12, atol=1e-15)
    assert found["state"][2:].tolist() == [0.0, 0.0, 1.0, 1.0, 2.0, 2.0]
    assert found["count"][2:].tolist() == [1.0, 1.0, 1.0, 1.0, 0.0, 0.0]
    assert found["age"][2:6].tolist() == [0.0, 1.0, 2.0, 3.0]
    assert np.isnan(found["size"][6:]).all()
    # inside of the gap the distance is negative
    inside = of_path([*path[:5], (102.5, 102.6, 101.6, 101.7)], direction)
    assert inside["distance"][5] < 0.0


@pytest.mark.parametrize("direction", ["bullish", "bearish"])
def test_a_gap_is_inverted_when_the_bar_that_fills_it_closes_beyond(direction):
    found = of_path([*UP, (103.0, 103.5, 100.0, 100.4)], direction)
    assert found["state"].tolist()[2:] == [0.0, 3.0]
    found = of_path([*UP, (103.0, 103.5, 100.0, 100.5)], direction)
    assert found["state"].tolist()[2:] == [0.0, 2.0]


def test_of_a_higher_timeframe_the_filling_is_seen_at_once_and_the_inversion_at_its_end():
    # five minutes each; the gap of M5 is filled in the second minute of a bar that closes below it
    five = [bar for bar in [*FLAT, *UP] for bar in [bar] * 5]
    last = [(103.0, 103.5, 102.5, 103.0), (103.0, 103.0, 100.0, 101.0), *[(101.0, 101.0, 100.2, 100.3)] * 3]
    found = columns(Engine([fair_value_gap(FairValueGapParams(timeframes=("M5",)))]), made([*five, *last]))
    assert found["fvg_m5_bullish_state"][-6:].tolist() == [0.0, 0.0, 2.0, 2.0, 2.0, 3.0]
    assert found["fvg_m5_bullish_count"][-6:].tolist() == [1.0, 1.0, 0.0, 0.0, 0.0, 0.0]
    assert np.isnan(found["fvg_m5_bullish_count"][: 15 * 5 - 1]).all()
    assert found["fvg_m5_bullish_count"][15 * 5 - 1] == 0.0


def test_where_the_list_is_full_the_oldest_gap_is_dropped():
    path, price = [], 100.0
    for _ in range(6):
        path += [(price, price + 1, price - 1, price + 1), (price + 1, price + 4, price, price + 4)]
        path += [(price + 4, price + 5, price + 3, price + 4)]
        price += 4
    full = of_path(path, capacity=100)
    few = of_path(path, capacity=2)
    assert full["count"][-1] > 3
    assert few["count"].max() == 2.0
    np.testing.assert_array_equal(full["distance"], few["distance"])
    np.testing.assert_array_equal(full["age"], few["age"])
    # back down through all of them: the two newest are filled, of the others nothing is known any more
    down = [*path, (price, price, 90.0, 95.0)]
    assert of_path(down, capacity=2)["count"][-1] == of_path(down, capacity=100)["count"][-1] == 0.0


# an independent implementation


@dataclass
class Gap:
    sign: int
    near: float
    far: float
    size: float
    quality: float
    born: int
    deepest: float
    state: int = 0


class Oracle:
    """One timeframe, as the docstrings tell it, with lists and floats."""

    def __init__(self, minutes, params):
        self.minutes, self.params = minutes, params
        self.bar, self.ended = None, -math.inf
        self.bars, self.run = [], 0
        self.ranges, self.volumes, self.closes = [], [], []
        self.gaps = {1: [], -1: []}
        self.newest = {1: None, -1: None}

    def row(self, given):
        value = {name: given[place] for name, place in PLACE.items()}
        if any(math.isnan(value[name]) for name in ("open", "high", "low", "close", "ts_close")):
            return [math.nan] * 14
        now, since = value["ts_close"], value["ts_open"]
        opens, closes = value["session_open"], value["session_close"]
        if self.bar and now > self.bar["end"]:
            belongs = self.minutes == 0 and closes == self.bar["end"] and since < closes
            if not belongs:
                self.close()
        for sign in (1, -1):
            price = value["low"] if sign == 1 else -value["high"]
            for gap in self.gaps[sign]:
                if gap.state < 2 and price < gap.deepest:
                    gap.deepest = price
                    gap.state = 2 if price <= gap.far else 1
        limit = self.minutes * 60e6 or max(DAY_US, closes - opens if closes > opens else 0)
        if now - since > limit:
            self.run = -1
            return [math.nan] * 14
        if self.minutes:
            end = math.ceil(now / (self.minutes * 60e6)) * self.minutes * 60e6
            if not self.bar and end <= self.ended:
                end = self.ended + self.minutes * 60e6
            takes = True
            within = opens < now <= closes
        else:
            takes = opens < now and since < closes and (self.bar is not None or closes > self.ended)
            end, within = closes, True
        if takes:
            if not self.bar:
                self.bar = {"end": end, "open": value["open"], "high": -math.inf, "low": math.inf, "volume": 0.0}
            bar = self.bar
            bar["high"], bar["low"] = max(bar["high"], value["high"]), min(bar["low"], value["low"])
            bar["volume"] += value["volume"]
            bar["close"] = value["close"]
            bar["session"] = float(within) if self.minutes == 0 or not math.isnan(opens) else None
            if now >= bar["end"]:
                self.close()
        return self.told(value["close"])

    def mean(self, values):
        """Wilder's mean, None before there are enough."""
        n = self.params.atr_period
        if len(values) < n:
            return None
        found = sum(values[:n]) / n
        for value in values[n:]:
            found = (found * (n - 1) + value) / n
        return found

    def close(self):
        bar = self.bar
        self.bar, self.ended = None, bar["end"]
        for sign in (1, -1):
            for gap in self.gaps[sign]:
                if gap.state == 2 and sign * bar["close"] < gap.far:
                    gap.state = 3
            self.gaps[sign] = [gap for gap in self.gaps[sign] if gap.state < 2]
        if self.bars:
            before = self.bars[-1]["close"]
            self.ranges.append(max(bar["high"], before) - min(bar["low"], before))
        if not math.isnan(bar["volume"]):
            self.volumes.append(bar["volume"])
        self.closes.append(bar["close"])
        self.bars.append(bar)
        self.run += 1
        atr = self.mean(self.ranges)
        if self.run < 3 or not atr:
            return
        one, middle, three = self.bars[-3:]
        for sign, near, far in ((1, three["low"], one["high"]), (-1, -three["high"], -one["low"])):
            if near > far and (near - far) / atr >= self.params.min_size_atr:
                parts = self.parts(sign, (near - far) / atr, middle, three, atr)
                weights = list(self.params.weights.model_dump().values())
                known = [(w, p) for w, p in zip(weights, parts, strict=True) if p is not None]
                score = sum(w * p for w, p in known) / sum(w for w, _ in known)
                gap = Gap(sign, near, far, (near - far) / atr, score, len(self.bars), near)
                self.gaps[sign] = [*self.gaps[sign], gap][-self.params.capacity :]
                self.newest[sign] = gap

    def parts(self, sign, size, middle, three, atr):
        body = max(sign * (middle["close"] - middle["open"]), 0.0) / atr
        mean = self.mean(self.volumes)
        ratio = middle["volume"] / mean if mean else None
        trend, n = None, self.params.trend_period
        if len(self.closes) >= n:
            ema = sum(self.closes[:n]) / n
            for value in self.closes[n:]:
                ema += (value - ema) * 2 / (n + 1)
            trend = float(sign * (three["close"] - ema) > 0)
        volume = None if ratio is None or math.isnan(ratio) else ratio / (1 + ratio)
        return [size / (1 + size), body / (1 + body), volume, trend, middle["session"]]

    def told(self, close):
        atr = self.mean(self.ranges)
        if not atr:
            return [math.nan] * 14
        found = []
        for sign in (1, -1):
            opened = [gap for gap in self.gaps[sign] if gap.state < 2]
            newest = self.newest[sign]
            if opened:
                best = max(reversed(opened), key=lambda gap: gap.near)
                filled = (best.near - best.deepest) / (best.near - best.far)
                age = len(self.bars) - best.born
                found += [(sign * close - best.near) / atr, best.size, age, filled, best.quality]
            else:
                found += [math.nan] * 5
            found += [len(opened), newest.state if newest else math.nan]
        return found


def spoiled(given, seed):
    """Return the rows with missing prices and volumes, times that tie, and rows that take long."""
    random = np.random.default_rng(seed)
    given, n = given.copy(), len(given)
    given[random.random(n) < 0.01, PLACE["close"]] = np.nan
    given[random.random(n) < 0.01, PLACE["volume"]] = np.nan
    ties = np.flatnonzero(random.random(n - 1) < 0.03) + 1
    given[ties, PLACE["ts_close"]] = given[ties - 1, PLACE["ts_close"]]
    long = np.flatnonzero(random.random(n) < 0.01)
    given[long, PLACE["ts_open"]] -= 3_600_000_000
    lost = slice(n // 3, n // 3 + 60)
    given[lost, PLACE["session"] : PLACE["session_close"] + 1] = np.nan
    return given


PARAMS = FairValueGapParams(
    timeframes=("M5", "M15", "H1", "D1"), capacity=5, atr_period=5, trend_period=7, min_size_atr=0.05
)


@pytest.mark.parametrize(("seed", "bad"), [(1, False), (2, False), (3, True), (4, True)])
def test_random_bars_give_what_the_plain_rules_give(seed, bad):
    given = rows(2_200, seed)
    given = spoiled(given, seed) if bad else given
    engine = Engine([fair_value_gap(PARAMS)])
    out, _ = engine.fold(streams(given), engine.start())
    oracles = [Oracle(MINUTES[name], PARAMS) for name in PARAMS.timeframes]
    expected = np.array([[value for oracle in oracles for value in oracle.row(row)] for row in given])
    np.testing.assert_allclose(out, expected, rtol=1e-9, atol=1e-11)
    # each state and a full list occur
    for name in ("m5", "h1"):
        found = dict(zip(engine.names, out.T, strict=True))
        assert set(np.unique(found[f"fvg_{name}_bullish_state"][~np.isnan(found[f"fvg_{name}_bullish_state"])])) == {
            *(0.0, 1.0, 2.0, 3.0)
        }
    assert out[:, engine.names.index("fvg_m5_bearish_count")][~np.isnan(out[:, 12])].max() == 5.0


# laws


@pytest.mark.parametrize("seed", [5, 6])
def test_in_pieces_and_row_by_row_it_is_the_same(seed):
    given = spoiled(rows(700, seed), seed)
    engine = Engine([fair_value_gap(PARAMS)])
    whole, last = engine.fold(streams(given), engine.start())
    random = np.random.default_rng(seed)
    assert chunked(engine, given, np.sort(random.integers(0, 700, 6)).tolist()).tobytes() == whole.tobytes()
    assert chunked(engine, given, list(range(1, 700))).tobytes() == whole.tobytes()
    live = engine.live(engine.start())
    for i, row in enumerate(given):
        assert live.step(streams(row[None])).tobytes() == whole[i].tobytes()
    assert live.checkpoint().tobytes() == last.tobytes()


def test_nothing_changes_when_the_future_is_rewritten():
    given, other = rows(900, 7), rows(900, 8)
    engine = Engine([fair_value_gap(PARAMS)])
    whole, _ = engine.fold(streams(given), engine.start())
    for cut in (1, 301, 450, 777):
        changed = np.vstack([given[:cut], other[cut:]])
        found, _ = engine.fold(streams(changed), engine.start())
        assert found[:cut].tobytes() == whole[:cut].tobytes()
        assert found[cut:].tobytes() != whole[cut:].tobytes()


def test_a_timeframe_finer_than_the_bars_has_no_values():
    days = made(rows(300, 10)[:, PLACE["open"] : PLACE["close"] + 1], minutes=24 * 60)
    days[:, PLACE["ts_close"]] = days[:, PLACE["session_close"]]
    found = columns(Engine([fair_value_gap(FairValueGapParams())]), days)
    for name, values in found.items():
        if "_d1_" in name:
            assert not np.isnan(values[14:]).all(), name
        else:
            assert np.isnan(values).all(), name


def test_the_declared_warm_up_is_the_first_row_with_a_value():
    given = made([(100.0, 100.5, 99.5, 100.0)] * 12 + UP + [(103.0, 104.0, 102.0, 103.5)] * 3, minutes=5)
    bank = fair_value_gap(FairValueGapParams(timeframes=("M5",)))
    found = columns(Engine([bank]), given)
    for output in bank.outputs:
        values = found[output.name]
        assert np.isnan(values[: output.warm_up]).all()
        if "bullish" in output.name or output.name.endswith("count"):
            assert not np.isnan(values[output.warm_up])
    assert len(fair_value_gap(FairValueGapParams()).outputs) == 70


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"timeframes": ("M7",)}, "does not divide the day"),
        ({"timeframes": ("H24",)}, "does not divide the day"),
        ({"timeframes": ("W1",)}, "is no timeframe"),
        ({"timeframes": ("H1", "M60")}, "each timeframe once"),
        ({"timeframes": ()}, "at least one"),
        ({"capacity": 0}, "capacity"),
        ({"weights": {"size": 0.0, "displacement": 0.0}}, "must weigh something"),
    ],
)
def test_parameters_that_cannot_be_are_refused(given, message):
    with pytest.raises(ValidationError, match=message):
        FairValueGapParams(**given)


def test_only_the_proportions_of_the_weights_count():
    given = rows(600, 9)
    one = Engine([fair_value_gap(FairValueGapParams(weights=QualityWeights()))])
    ten = {name: 10 * value for name, value in QualityWeights().model_dump().items()}
    two = Engine([fair_value_gap(FairValueGapParams(weights=QualityWeights(**ten)))])
    for name, values in columns(one, given).items():
        np.testing.assert_allclose(columns(two, given)[name], values, rtol=1e-12, err_msg=name)
        if name.endswith("quality"):
            known = values[~np.isnan(values)]
            assert ((known >= 0.0) & (known <= 1.0)).all()
