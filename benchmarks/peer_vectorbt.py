"""vectorbt's backtest, timed inside its own process; run by the interpreter of the peers, never by ours.

Its argument is an npz file: open, high, low, close; entry and leave (rows of the signals), size, fee and slippage (as
shares), start (cash), stops and targets (as shares of the entry price, one a parameter set). Reads one line from
standard input and answers one line of JSON: ``single`` and ``grid`` answer seconds with statistics (of the
processor, and by the clock), ``stops`` and ``trailing`` the totals of a case, ``versions`` what runs.
"""

import json
import platform
import sys
import time
import warnings
from importlib.metadata import version

import numpy as np
import vectorbt as vbt

warnings.simplefilter("ignore")
given = np.load(sys.argv[1])
prices = {name: given[name][:, None] for name in ("open", "high", "low", "close")}
n = prices["close"].size
stops, targets = given["stops"], given["targets"]
COLUMNS = 10
"""Of parameter sets at a time: all hundred would take 800 MB a figure."""


def rows(name):
    marks = np.zeros(n, dtype=bool)
    marks[given[name]] = True
    return marks[:, None]


def portfolio(entry, stop, target=np.nan, slippage=0.0, **options):
    return vbt.Portfolio.from_signals(
        entries=rows(entry), exits=rows("leave"), sl_stop=stop, tp_stop=target, size=float(given["size"]),
        fees=float(given["fee"]), slippage=slippage, init_cash=float(given["start"]), freq="1min", **prices, **options,
    )  # fmt: skip


def statistics(done):
    trades = done.trades
    return [
        done.total_return(), done.sharpe_ratio(), done.sortino_ratio(), done.calmar_ratio(), done.max_drawdown(),
        trades.count(), trades.win_rate(), trades.profit_factor(), trades.expectancy(),
    ]  # fmt: skip


def single():
    statistics(portfolio("entry", float(stops[0]), float(targets[0])))


def grid():
    for first in range(0, stops.size, COLUMNS):
        chosen = slice(first, first + COLUMNS)
        statistics(portfolio("entry", stops[chosen][None, :], targets[chosen][None, :]))


def totals(done):
    return {
        "equity": float(np.ravel(done.final_value())[0]),
        "n_trades": int(np.ravel(done.trades.closed.count())[0]),
        "fees": float(np.ravel(done.orders.fees.sum())[0]),
        "pnl": done.trades.closed.pnl.values.tolist(),
    }


def trailing():
    options = {"sl_trail": True, "stop_entry_price": "FillPrice", "stop_exit_price": "StopMarket"}
    return totals(portfolio("entry_trailing", float(stops[0]), slippage=float(given["slippage"]), **options))


def spent(work):
    cpu, clock = time.thread_time(), time.perf_counter()
    work()
    return [time.thread_time() - cpu, time.perf_counter() - clock]


def versions():
    found = {name: version(name) for name in ("vectorbt", "pandas", "numba", "numpy")}
    return {"Python": platform.python_version(), **found}


WORDS = {
    "versions": versions,
    "single": lambda: spent(single),
    "grid": lambda: spent(grid),
    "stops": lambda: totals(portfolio("entry_stops", float(stops[0]), float(targets[0]))),
    "trailing": trailing,
}
for line in sys.stdin:
    print(json.dumps(WORDS[line.strip()]()), flush=True)
