"""Holds what a live session made against what the batch chain made of the same raw rows, bit for bit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from tsis.lake.store import Lake
from tsis.live.decisions import Strategy

_KEYS: Final = {
    "processed_features.information_bars": ["ticker", "bar_spec", "ts_close", "seq"],
    "processed_features.bar_microstructure": ["ticker", "bar_spec", "ts_close", "seq"],
    "processed_features.features": ["ticker", "bar_spec", "ts_close", "seq"],
    "signals.predictions": ["model", "ticker", "bar_spec", "t0", "seq"],
    "signals.setups": ["model", "ticker", "bar_spec", "t0", "seq"],
    "signals.signals_history": ["signal_id", "action"],
    "signals.active_signals": ["signal_id"],
}
_OTHER: Final = ("session_id", "origin", "split", "checklist")
"""Columns in which the two must differ: who decided, and under which rules of the moment."""


@dataclass(frozen=True)
class Compared:
    """One table: rows of the live session, rows of the batch, and how many of either are not in the other."""

    table: str
    rows: int
    batch_rows: int
    differing: int
    columns: int

    @property
    def is_equal(self) -> bool:
        """Tell whether every row of either is in the other, bit for bit."""
        return self.differing == 0 and self.rows == self.batch_rows


def compare(live: Lake, batch: Lake, strategies: Sequence[Strategy]) -> list[Compared]:
    """Compare every table of a finished replay with the batch's rows of the same series and models.

    Numbers are compared by their bits, so that -0.0 is not 0.0.
    """
    found = []
    for table, key in _KEYS.items():
        own, other = (_rows(lake, table, strategies, is_live=lake is live) for lake in (live, batch))
        columns = [name for name in own.columns if name not in _OTHER]
        mine, theirs = (_bits(rows.select(columns).sort(key)) for rows in (own, other))
        differing = mine.join(theirs, on=columns, how="anti", nulls_equal=True).height
        differing += theirs.join(mine, on=columns, how="anti", nulls_equal=True).height
        found.append(Compared(table, own.height, other.height, differing, len(columns)))
    return found


def _rows(lake: Lake, table: str, strategies: Sequence[Strategy], *, is_live: bool) -> pl.DataFrame:
    chosen = pl.lit(value=False)
    for strategy in strategies:
        is_its = strategy.of_series()
        if table.startswith("signals."):
            is_its &= pl.col("model") == strategy.name
        chosen |= is_its
    if table == "signals.predictions":
        chosen &= pl.col("split") == ("live" if is_live else "walk_forward")
    return lake.scan(table).filter(chosen).collect()


def _bits(rows: pl.DataFrame) -> pl.DataFrame:
    floats = pl.selectors.float()
    return rows.with_columns(floats.reinterpret(signed=True))
