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
_OF_ACCOUNT: Final = ("signals.signals_history", "signals.active_signals")
_OTHER: Final = ("session_id", "origin", "split", "checklist")
"""Columns in which the two must differ: who decided, and under which rules of the moment."""
_OF_MOMENT: Final = '"(is_fresh|in_session)": false'


@dataclass(frozen=True)
class Compared:
    """One table: rows of the live session, rows of the batch, and how many of either are not in the other.

    `held_back` is how many of its decisions a rule of the moment, which the batch does not know, has held back: these
    are not compared, and what the account did with the others may differ because of them.
    """

    table: str
    rows: int
    batch_rows: int
    differing: int
    columns: int
    held_back: int

    @property
    def is_equal(self) -> bool:
        """Tell whether every row of either that is compared is in the other, bit for bit."""
        return self.differing == 0 and self.rows == self.batch_rows

    @property
    def is_as_it_must_be(self) -> bool:
        """Tell whether it is equal, or is of an account of which the moment has held something back."""
        return self.is_equal or (self.held_back > 0 and self.table in _OF_ACCOUNT)


def compare(live: Lake, batch: Lake, strategies: Sequence[Strategy]) -> list[Compared]:
    """Compare every table of a finished replay with the batch's rows of the same series and models.

    Numbers are compared by their bits, so that -0.0 is not 0.0.
    """
    found = []
    held = live.scan("signals.setups").filter(pl.col("checklist").str.contains(_OF_MOMENT)).collect()
    for table, key in _KEYS.items():
        own, other = (_rows(lake, table, strategies, is_live=lake is live) for lake in (live, batch))
        of_moment = held.height if "signal_id" in own.columns else 0
        if of_moment:
            own, other = (rows.join(held, on="signal_id", how="anti") for rows in (own, other))
        columns = [name for name in own.columns if name not in _OTHER]
        mine, theirs = (_bits(rows.select(columns).sort(key)) for rows in (own, other))
        differing = mine.join(theirs, on=columns, how="anti", nulls_equal=True).height
        differing += theirs.join(mine, on=columns, how="anti", nulls_equal=True).height
        found.append(Compared(table, own.height, other.height, differing, len(columns), of_moment))
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
