"""Features against TA-Lib: 100 outputs that both have on a million bars, and 120 of them for one live bar."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.contest import Contest, Row, Target, timed
from tsis.core.feature import Bank
from tsis.core.stream import CLOSE, HIGH, LOW, N_GIVEN, OPEN, VOLUME, VWAP
from tsis.features.engine import Engine, Live
from tsis.features.families import families

BARS, LOOKBACK = 1_000_000, 600
"""Bars of the batch, and the last bars that TA-Lib is given for a live one."""
LIVE_BARS, TA_LIB_BARS = 20_000, 300
EQUAL = 1e-9
STEADY_BARS = 1_000_000
BLOCKS_AT_MOST, RESIDENT_AT_MOST = 100, 4_000_000
"""What a live session may grow by: blocks of Python's, and bytes that the allocator keeps for itself."""

Array = NDArray[np.float64]
Call = Callable[[Any, Mapping[str, Array]], Any]

SMALL: dict[str, dict[str, Any]] = {
    "sma": {"periods": (5, 10, 15, 20, 30, 40, 50, 75, 100, 150, 200)},
    "ema": {"periods": (5, 9, 12, 15, 20, 26, 30, 40, 50, 100, 150, 200)},
    "dema": {"periods": (10, 20, 50)},
    "tema": {"periods": (10, 20, 50)},
    "kama": {"periods": (10,)},
    "macd": {},
    "rsi": {"periods": (5, 7, 14, 21, 28)},
    "stochastic": {},
    "stoch_rsi": {},
    "roc": {"lags": (1, 5, 10, 20, 50, 100)},
    "momentum": {"lags": (5, 10, 20, 50)},
    "cci": {"periods": (14, 20, 40)},
    "adx": {},
    "aroon": {},
    "trix": {"periods": (9, 15, 30)},
    "psar": {},
    "linear_regression": {"periods": (20, 50)},
    "atr": {"periods": (5, 7, 14, 21, 28)},
    "bollinger": {"periods": (20, 50)},
    "donchian": {"periods": (20, 55)},
    "rolling_volatility": {"periods": (20, 60, 120)},
    "accumulation": {},
    "money_flow": {},
}
"""Families and their parameters: 100 outputs that TA-Lib has too, and some that it has not."""
LARGE = SMALL | {
    "sma": {"periods": (5, 7, 10, 15, 20, 25, 30, 40, 50, 75, 100, 125, 150, 200, 250)},
    "ema": {"periods": (5, 7, 9, 12, 15, 20, 26, 30, 40, 50, 75, 100, 125, 150, 200, 250)},
    "kama": {"periods": (10, 20)},
    "rsi": {"periods": (5, 7, 9, 14, 21, 25, 28)},
    "roc": {"lags": (1, 5, 10, 15, 20, 30, 50, 100)},
    "momentum": {"lags": (1, 5, 10, 15, 20, 30, 50, 100)},
    "cci": {"periods": (7, 14, 20, 40)},
    "linear_regression": {"periods": (20, 50, 100)},
    "rolling_volatility": {"periods": (10, 20, 60, 120)},
}
"""The same with 120."""


def _each(name: str, lengths: tuple[int, ...], call: Callable[[Any, Mapping[str, Array], int], Any]) -> dict[str, Call]:
    return {f"{name}_{n}": lambda ta, x, n=n: call(ta, x, n) for n in lengths}


def _ta_lib(chosen: Mapping[str, dict[str, Any]]) -> dict[tuple[str, ...], Call]:
    """Return a call of TA-Lib for the outputs of each key, in the order in which it returns them."""
    at = {name: params.get("periods", params.get("lags", ())) for name, params in chosen.items()}
    single: dict[str, Call] = {
        **_each("sma", at["sma"], lambda ta, x, n: ta.SMA(x["close"], n)),
        **_each("ema", at["ema"], lambda ta, x, n: ta.EMA(x["close"], n)),
        **_each("dema", at["dema"], lambda ta, x, n: ta.DEMA(x["close"], n)),
        **_each("tema", at["tema"], lambda ta, x, n: ta.TEMA(x["close"], n)),
        **_each("kama", at["kama"], lambda ta, x, n: ta.KAMA(x["close"], n)),
        **_each("rsi", at["rsi"], lambda ta, x, n: ta.RSI(x["close"], n)),
        **_each("roc", at["roc"], lambda ta, x, n: ta.ROC(x["close"], n)),
        **_each("momentum", at["momentum"], lambda ta, x, n: ta.MOM(x["close"], n)),
        **_each("cci", at["cci"], lambda ta, x, n: ta.CCI(x["high"], x["low"], x["close"], n)),
        **_each("trix", at["trix"], lambda ta, x, n: ta.TRIX(x["close"], n)),
        **_each("linreg_slope", at["linear_regression"], lambda ta, x, n: ta.LINEARREG_SLOPE(x["close"], n)),
        **_each("atr", at["atr"], lambda ta, x, n: ta.ATR(x["high"], x["low"], x["close"], n)),
        **_each("atr_frac", at["atr"], lambda ta, x, n: ta.NATR(x["high"], x["low"], x["close"], n)),
        **_each("donchian_upper", at["donchian"], lambda ta, x, n: ta.MAX(x["high"], n)),
        **_each("donchian_lower", at["donchian"], lambda ta, x, n: ta.MIN(x["low"], n)),
        **_each("donchian_middle", at["donchian"], lambda ta, x, n: ta.MIDPRICE(x["high"], x["low"], n)),
        **_each("rolling_volatility", at["rolling_volatility"], lambda ta, x, n: ta.STDDEV(x["log_return"], n)),
        "plus_di_14": lambda ta, x: ta.PLUS_DI(x["high"], x["low"], x["close"], 14),
        "minus_di_14": lambda ta, x: ta.MINUS_DI(x["high"], x["low"], x["close"], 14),
        "dx_14": lambda ta, x: ta.DX(x["high"], x["low"], x["close"], 14),
        "adx_14": lambda ta, x: ta.ADX(x["high"], x["low"], x["close"], 14),
        "adxr_14": lambda ta, x: ta.ADXR(x["high"], x["low"], x["close"], 14),
        "aroon_25_oscillator": lambda ta, x: ta.AROONOSC(x["high"], x["low"], 25),
        "psar": lambda ta, x: ta.SAR(x["high"], x["low"]),
        "williams_r_14": lambda ta, x: ta.WILLR(x["high"], x["low"], x["close"], 14),
        "obv": lambda ta, x: ta.OBV(x["close"], x["volume"]),
        "ad_line": lambda ta, x: ta.AD(x["high"], x["low"], x["close"], x["volume"]),
        "adosc_3_10": lambda ta, x: ta.ADOSC(x["high"], x["low"], x["close"], x["volume"], 3, 10),
        "mfi_14": lambda ta, x: ta.MFI(x["high"], x["low"], x["close"], x["volume"], 14),
    }
    several: dict[tuple[str, ...], Call] = {
        tuple(f"bollinger_{band}_{n}" for band in ("upper", "middle", "lower")): (
            lambda ta, x, n=n: ta.BBANDS(x["close"], n, 2.0, 2.0)
        )
        for n in at["bollinger"]
    }
    several |= {
        ("macd_12_26_9", "macd_12_26_9_signal", "macd_12_26_9_hist"): lambda ta, x: ta.MACD(x["close"], 12, 26, 9),
        # its fast %D is the slow %K
        ("stochastic_14_fast_k", ""): lambda ta, x: ta.STOCHF(x["high"], x["low"], x["close"], 14, 3),
        ("stochastic_14_3_slow_k", "stochastic_14_3_3_slow_d"): (
            lambda ta, x: ta.STOCH(x["high"], x["low"], x["close"], 14, 3, 0, 3, 0)
        ),
        ("stoch_rsi_14_14_k", "stoch_rsi_14_14_3_d"): lambda ta, x: ta.STOCHRSI(x["close"], 14, 14, 3, 0),
        ("aroon_25_down", "aroon_25_up"): lambda ta, x: ta.AROON(x["high"], x["low"], 25),
    }
    return {(name,): call for name, call in single.items()} | several


def outputs(chosen: Mapping[str, dict[str, Any]]) -> list[str]:
    """Return the names of the outputs that both have."""
    return [name for names in _ta_lib(chosen) for name in names if name]


def _factor(name: str) -> float:
    """Return what TA-Lib's figure is to be multiplied by for ours: percent, and n against n - 1 in the denominator."""
    n = float(name.rpartition("_")[2]) if name[-1].isdigit() else 0.0
    if name.startswith("rolling_volatility"):
        return float(np.sqrt(n / (n - 1.0)))
    return 0.01 if name.startswith("atr_frac") else 1.0


def banks(chosen: Mapping[str, dict[str, Any]]) -> list[Bank]:
    """Return the banks of the chosen families."""
    known = families()
    return [known[name](known[name].params(**params)) for name, params in chosen.items()]


def bars(n: int) -> Array:
    """Return made-up bars as the engine takes them: a random walk without ties."""
    random = np.random.default_rng(11)
    close = 100.0 * np.exp(np.cumsum(random.normal(0.0, 1e-3, n)))
    opened = close * np.exp(random.normal(0.0, 5e-4, n))
    given = np.full((N_GIVEN, n), np.nan)
    given[OPEN], given[CLOSE] = opened, close
    given[HIGH] = np.maximum(opened, close) * np.exp(np.abs(random.normal(0.0, 5e-4, n)))
    given[LOW] = np.minimum(opened, close) * np.exp(-np.abs(random.normal(0.0, 5e-4, n)))
    given[VOLUME] = np.ceil(random.lognormal(6.0, 0.8, n))
    given[VWAP] = 0.5 * (opened + close)
    return given


def _prices(given: Array) -> dict[str, Array]:
    columns = {"high": HIGH, "low": LOW, "close": CLOSE, "volume": VOLUME}
    found = {name: np.ascontiguousarray(given[place]) for name, place in columns.items()}
    return found | {"log_return": np.diff(np.log(given[CLOSE]), prepend=np.nan)}


def _calls(chosen: Mapping[str, dict[str, Any]]) -> Callable[[Mapping[str, Array]], list[Array]]:
    import talib

    calls = list(_ta_lib(chosen).items())

    def call(prices: Mapping[str, Array]) -> list[Array]:
        found: list[Array] = []
        for names, one in calls:
            values = one(talib, prices)
            found += [values] if len(names) == 1 else [each for each, name in zip(values, names, strict=True) if name]
        return found

    return call


def differences() -> list[str]:
    """Return the outputs whose values are not TA-Lib's, to 1e-9 of what is usual, where TA-Lib has one."""
    given, found = bars(20_000), []
    engine, wanted = Engine(banks(LARGE)), outputs(LARGE)
    if len(outputs(SMALL)) != 100 or len(wanted) != 120:
        found.append(f"{len(outputs(SMALL))} and {len(wanted)} outputs instead of 100 and 120")
    out, _ = engine.fold(given, engine.start())
    prices = _prices(given)
    # the first return is missing, and TA-Lib gives nothing after one that is
    theirs = dict(zip(wanted, _calls(LARGE)(prices | {"log_return": prices["log_return"][1:]}), strict=True))
    for name in wanted:
        ours, other = out[:, engine.names.index(name)], theirs[name] * _factor(name)
        known = np.flatnonzero(~np.isnan(other))
        one = ours[ours.size - other.size :][known]
        most = np.nanmax(np.abs(one - other[known]) / (np.abs(other[known]) + np.median(np.abs(other[known]))))
        if np.isnan(one).any() or not most <= EQUAL:
            found.append(f"{name}: differs from TA-Lib by {most:.1e}, {np.isnan(one).sum()} values are missing")
    return found


def contests() -> list[Contest]:
    """Return the contests: a batch, the same on two threads, and one live bar."""
    given = bars(BARS)
    prices, call, engine = _prices(given), _calls(SMALL), Engine(banks(SMALL))
    start = engine.start()
    engine.fold(given[:, :1_000].copy(), start)
    engine.fold(given[:, :20_000].copy(), start, n_threads=2)
    live_call, window = _calls(LARGE), 0

    def ta_lib_live() -> float:
        nonlocal window
        seconds = []
        for _ in range(TA_LIB_BARS):
            window += 1
            started = time.perf_counter()
            last = {name: values[window : window + LOOKBACK] for name, values in prices.items()}
            now = [values[-1] for values in live_call(last)]
            seconds.append(time.perf_counter() - started)
            del now
        return float(np.median(seconds))

    return [
        Contest(
            f"100 outputs that TA-Lib has too ({len(engine.names)} with ours alone), {BARS:,} bars, as one matrix",
            timed(lambda: engine.fold(given, start)[0], 1, time.thread_time),
            {
                "TA-Lib, a list of arrays": timed(lambda: call(prices), 1, time.thread_time),
                "TA-Lib, one matrix": timed(lambda: np.column_stack(call(prices)), 1, time.thread_time),
            },
            {"TA-Lib, a list of arrays": Target(0.85), "TA-Lib, one matrix": Target(0.25)},
            BARS,
            "bars",
        ),
        Contest(
            "the same on two threads, wall time",
            timed(lambda: engine.fold(given, start, n_threads=2)[0]),
            {
                "TA-Lib on one thread, a list of arrays": timed(lambda: call(prices)),
                "TA-Lib on one thread, one matrix": timed(lambda: np.column_stack(call(prices))),
            },
            {"TA-Lib on one thread, a list of arrays": Target(0.85), "TA-Lib on one thread, one matrix": Target(0.25)},
            BARS,
            "bars",
        ),
        Contest(
            "one live bar, 120 outputs, called from Python: the median",
            lambda: float(np.median(live_seconds(given))),
            {f"TA-Lib over the last {LOOKBACK} bars": ta_lib_live},
            {f"TA-Lib over the last {LOOKBACK} bars": Target(0.01)},
        ),
    ]


def live_session(given: Array) -> tuple[Live, list[Array]]:
    """Return a live session of 120 outputs after 1,000 bars, and the bars that follow, one by one."""
    engine = Engine(banks(LARGE))
    _, checkpoint = engine.fold(given[:, :1_000].copy(), engine.start())
    following = given[:, 1_000 : 1_000 + LIVE_BARS]
    return engine.live(checkpoint), [np.ascontiguousarray(following[:, i : i + 1]) for i in range(following.shape[1])]


def live_seconds(given: Array) -> Array:
    """Return the seconds that each of many live bars took."""
    session, following = live_session(given)
    seconds = np.empty(len(following))
    for i, bar in enumerate(following):
        started = time.perf_counter()
        session.step(bar)
        seconds[i] = time.perf_counter() - started
    return seconds


@dataclass(frozen=True)
class Steady:
    """How steady live bars are: quantiles of their seconds, and what more is allocated after `bars` of them.

    Python's own blocks; and the resident set, which what numpy and compiled code allocate would show in.
    """

    p50_s: float
    p99_s: float
    bars: int
    grown_blocks: int
    grown_resident_bytes: int


def steady(given: Array, n_bars: int = STEADY_BARS) -> Steady:
    """Return how steady `n_bars` live bars are, and what is still allocated after them."""
    p50, p99 = np.quantile(live_seconds(given)[1_000:], [0.5, 0.99])
    session, following = live_session(given)
    for bar in following[:1_000]:
        session.step(bar)
    resident = _resident_bytes()
    blocks = sys.getallocatedblocks()
    for bar in islice(cycle(following), n_bars):
        session.step(bar)
    return Steady(float(p50), float(p99), n_bars, sys.getallocatedblocks() - blocks, _resident_bytes() - resident)


def _resident_bytes() -> int:
    status = Path("/proc/self/statm")
    if status.exists():
        return int(status.read_text().split()[1]) * resource.getpagesize()
    return 0


@dataclass(frozen=True)
class Start:
    """Median processor seconds of a new process, the start of Python and its end included.

    first_bar_s : until it has the features of one bar, of all families, code in the cache.
    numba_s : of one that imports numba and numpy and no more.
    """

    first_bar_s: float
    numba_s: float


def start(rounds: int = 7) -> Start:
    """Return what a start takes; both ways run in turns."""
    first_bar, numba = [], []
    for _ in range(rounds):
        seconds, outputs = _process_seconds("-m", "benchmarks.first_bar")
        assert int(outputs) > 100
        first_bar.append(seconds)
        numba.append(_process_seconds("-c", "import numba")[0])
    return Start(float(np.median(first_bar)), float(np.median(numba)))


def _process_seconds(*arguments: str) -> tuple[float, str]:
    """Return the processor seconds of a Python process, and what it prints."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    root = Path(__file__).resolve().parent.parent
    done = subprocess.run([sys.executable, *arguments], check=True, capture_output=True, text=True, cwd=root)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def fastest(rows: Sequence[Row]) -> str:
    """Return how the fastest runs compare, where medians hang on what new memory costs, as a Markdown table."""
    lines = ["| the fastest run of each | against | TSIS takes |", "|---|---|---|"]
    lines += [f"| {row.work} | {row.other} | {row.fastest:.2f}× as long |" for row in rows if row.n_items]
    return "\n".join(lines) + "\n"


def table(found: Steady, started: Start) -> str:
    """Return what is not a contest as a Markdown table."""
    return (
        "\n".join(
            [
                "| live | measured | target |",
                "|---|---|---|",
                f"| 99th percentile of a bar | {found.p99_s * 1e6:.1f} µs, {found.p99_s / found.p50_s:.1f}× the median "
                "| at most 5× |",
                f"| more allocated after {found.bars:,} bars | {found.grown_blocks:,} blocks of Python's, resident set "
                f"{found.grown_resident_bytes / 1e6:.1f} MB | at most {BLOCKS_AT_MOST}, "
                f"{RESIDENT_AT_MOST / 1e6:.0f} MB |",
                f"| a process from its start to its first bar, all families, processor time "
                f"| {started.first_bar_s:.2f} s | at most 1 s |",
                f"| of it to import numba and numpy | {started.numba_s:.2f} s | |",
            ]
        )
        + "\n"
    )


def problems(found: Steady, started: Start) -> list[str]:
    """Return which of these targets are missed."""
    missed = []
    if found.p99_s > 5 * found.p50_s:
        missed.append(f"the 99th percentile of a live bar is {found.p99_s / found.p50_s:.1f} times the median")
    if found.grown_blocks > BLOCKS_AT_MOST or found.grown_resident_bytes > RESIDENT_AT_MOST:
        missed.append(
            f"after {found.bars:,} live bars {found.grown_blocks:,} blocks and {found.grown_resident_bytes:,} bytes "
            "more are allocated"
        )
    if started.first_bar_s > 1.0:
        missed.append(f"a process takes {started.first_bar_s:.2f} s of a processor to its first bar")
    return missed
