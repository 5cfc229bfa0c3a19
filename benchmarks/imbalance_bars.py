"""Ticks → imbalance and runs bars: the kernels against mlfinpy, bar by bar and in time."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks import report
from benchmarks.bars import es_ticks
from benchmarks.contest import Contest, Target, hold, timed
from benchmarks.dialogue import Dialogue, dialogue
from tsis.bars.trade_bars import Ticks
from tsis.kernels import bars as kernel
from tsis.kernels import imbalance_bars, runs_bars
from tsis.kernels.expectations import expectations

FASTER_AT_LEAST = 500
_KINDS = {"tick": kernel.TICK, "volume": kernel.VOLUME, "dollar": kernel.DOLLAR}
_COMPARED = {
    "open": "open", "high": "high", "low": "low", "close": "close", "volume": "volume", "n_ticks": "cum_ticks",
    "dollar_volume": "cum_dollar_value", "buy_volume": "cum_buy_volume",
}  # fmt: skip


@dataclass(frozen=True)
class Rule:
    """A bar of mlfinpy, by its names; the defaults of the windows are mlfinpy's.

    Parameters
    ----------
    kind : ``tick``, ``volume`` or ``dollar``, and ``imbalance`` or ``run``.
    expectation : ``const`` or ``ema``: whether the expected ticks of a bar stay.
    """

    kind: str
    expectation: str = "const"
    expected_ticks: int = 20_000
    ticks_window: int = 10_000
    bars_window: int = 3

    def __str__(self) -> str:
        made_of = "constant" if self.expectation == "const" else "EWMA"
        return f"{self.kind.replace('_', ' ').replace('run', 'runs')} bars, {made_of} expected ticks"


RULES = tuple(Rule(kind, made_of) for kind in ("dollar_imbalance", "dollar_run") for made_of in ("const", "ema"))
SMALL = tuple(Rule(f"{amount}_{what}", "const", 2_000, 1_000) for what in ("imbalance", "run") for amount in _KINDS)
"""All kinds, with short windows: more bars to compare."""


class Peer:
    """A running mlfinpy."""

    def __init__(self, peer: Dialogue) -> None:
        self._peer = peer

    def ask(self, word: str, rule: Rule = RULES[0]) -> Any:
        """Send one word and the rule, and return the answer."""
        windows = f"{rule.expected_ticks} {rule.ticks_window} {rule.bars_window}"
        return self._peer.send(f"{word} {rule.expectation} {rule.kind} {windows}")


@contextmanager
def running_peer(python: str) -> Iterator[Peer]:
    """Start mlfinpy under the interpreter `python`; it ends with the block."""
    with dialogue(python, "peer_mlfinpy_imbalance.py") as peer:
        yield Peer(peer)


def fold(tape: Ticks, rule: Rule) -> NDArray[np.float64]:
    """Return the bars of `tape` as the kernel writes them."""
    amount, _, what = rule.kind.partition("_")
    n = rule.expected_ticks
    expect = expectations(
        n,
        span_bars=rule.bars_window,
        span_ticks=rule.ticks_window,
        memory_spans=1,
        expected_ticks=(n, n) if rule.expectation == "const" else (0, np.inf),
        side_ticks=n,
    )
    is_runs = what == "run"
    make = runs_bars.fold_runs_bars if is_runs else imbalance_bars.fold_imbalance_bars
    state = (runs_bars if is_runs else imbalance_bars).initial_state(expect)
    trades, position, found = (tape.ts_us, tape.seq, tape.price, tape.size, tape.side), 0, []
    out = np.empty((4_096, len(imbalance_bars.OUT_COLUMNS)))
    while position < tape.price.size:
        rest = (array[position:] for array in trades)
        consumed, written = make(*rest, _KINDS[amount], expect, 1.0, 1.0, 1.0, state, out)
        found.append(out[:written].copy())
        position += consumed
    return np.concatenate(found)


def contests(peer: Peer | None, rules: Sequence[Rule] = RULES) -> list[Contest]:
    """Return the folds; without a peer there is nobody to run against."""
    tape = es_ticks()
    return [] if peer is None else [_contest(tape, rule, peer) for rule in rules]


def _contest(tape: Ticks, rule: Rule, peer: Peer) -> Contest:
    other = "mlfinpy, data frame in memory"
    return Contest(
        f"500k ticks → {len(fold(tape, rule)):,} {rule}",
        timed(lambda: fold(tape, rule), 9, time.thread_time),
        {other: lambda: float(peer.ask("seconds", rule))},
        {other: Target(1 / FASTER_AT_LEAST)},
        tape.price.size,
        "ticks",
        is_warmed=False,
    )


def differences(peer: Peer, rule: Rule, threshold_within: float = 1e-9) -> list[str]:
    """Return where mlfinpy's bars are not ours: exact, sums included, but for the threshold.

    The threshold is an average, which mlfinpy takes anew from its window at every bar and we carry along.
    """
    theirs = peer.ask("bars", rule)
    ours = pl.DataFrame(fold(es_ticks(), rule), schema=list(imbalance_bars.OUT_COLUMNS), orient="row")
    n = len(theirs["open"])
    if ours.height != n:
        return [f"{rule}: {ours.height:,} bars, mlfinpy has {n:,}"]
    found = []
    for name, other in _COMPARED.items():
        gaps = np.abs(ours[name].to_numpy() - np.asarray(theirs[other], dtype=float))
        if gaps.any():
            found.append(f"{rule} {name}: {np.count_nonzero(gaps):,} of {n:,} differ, by {gaps.max():g} at most")
    apart = np.abs(ours["threshold"].to_numpy() / np.asarray(theirs["threshold"]) - 1.0)
    if not (apart <= threshold_within).all():
        found.append(f"{rule} threshold: by {apart.max():g} of it at most")
    return found


def main() -> None:
    """Print what is measured and what differs."""
    with running_peer(os.environ["TSIS_PEERS_PYTHON"]) as peer:
        rows = [row for contest in contests(peer) for row in hold(contest, 3)]
        print(report.table(rows))
        for rule in (*RULES, *SMALL):
            print(f"{rule}: {differences(peer, rule) or f'the same {len(fold(es_ticks(), rule)):,} bars'}")


if __name__ == "__main__":
    sys.exit(main())
