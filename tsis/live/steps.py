"""One step of the bar and feature stages over new raw rows, from a checkpoint: the batch's own functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import polars as pl

from tsis.bars.information_bars import information_bars
from tsis.core.params import Params
from tsis.core.stage import AnyStage
from tsis.core.state import State
from tsis.features.bar_microstructure import bar_microstructure
from tsis.features.features import features

CHAIN: Final[tuple[AnyStage, ...]] = (information_bars, bar_microstructure, features)
"""The stages that are stepped, each after those whose tables it reads."""


def step(
    rows: Mapping[str, pl.DataFrame], params: Mapping[str, Params], state: State
) -> tuple[dict[str, pl.DataFrame], State]:
    """Return what the stages of `CHAIN` make of the next rows of a ticker, and the state after them.

    A bar is made when a row shows that it is over, so that the same rows give the same bars in whatever pieces.

    Parameters
    ----------
    rows : by argument of the stages: the rows known after the step before, and the tables without a time whole.
    params : by stage.
    state : after the step before, under ``stage|name``; empty at the start. Not changed.

    Returns
    -------
    Table (without its zone) to its new rows, and the state.
    """
    pool, made, after = dict(rows), {}, State()
    for stage in CHAIN:
        prefix = f"{stage.name}|"
        own = {name.removeprefix(prefix): array for name, array in state.items() if name.startswith(prefix)}
        given = {table.table: pool[table.table] for table in stage.reads}
        (frame,), later = stage.frames(given, params[stage.name], own or None)
        made[stage.name] = pool[stage.name] = frame
        after |= {f"{prefix}{name}": array for name, array in later.items()}
    return made, after
