"""What became of each signal, and its fills, from the records of a session."""

from __future__ import annotations

from typing import Final

import polars as pl

from tsis.backtest.replay import Replay
from tsis.kernels import fills as kernel
from tsis.kernels.orders import MARKET

REASONS: Final = {
    kernel.NO_REASON: "armed",
    kernel.STOPPED: "stop",
    kernel.TARGET_MET: "target",
    kernel.EXPIRED: "expired",
    kernel.DAILY_LOSS_MET: "daily loss reached",
    kernel.TICKER_HELD: "the ticker has a position",
    kernel.POSITIONS_FULL: "all positions taken",
    kernel.BELOW_ONE_LOT: "risk allows less than one lot",
    kernel.ROLLED: "contract given up",
    kernel.LEFT: "exit signal",
    kernel.TRAILED: "trailing stop",
    kernel.LAPSED: "order lapsed",
}
"""The words for the reasons of a record."""
BY_STOP: Final = (kernel.STOPPED, kernel.TRAILED)
_ONCE = {"accepted": kernel.ACCEPTED, "rejected": kernel.REJECTED, "cancelled": kernel.CANCELLED}
_FILLED = {"in": kernel.ENTERED, "out": kernel.EXITED}
_SUMMED = ("qty", "fee", "funding")
_WEIGHTED = ("price", "reference")


def signal_stories(setups: pl.DataFrame, replay: Replay) -> pl.DataFrame:
    """Return one row a setup with all that happened to it.

    To the columns of `setups` come those of the records with the prefixes ``accepted_``, ``rejected_``, ``in_``,
    ``cancelled_``, ``out_`` (null where it did not happen), and when it happened, ``…_ts``. Of several fills quantities
    and fees are added up, prices are their mean by quantity, ``…_first_ts`` is when the first was made, ``in_units``
    what they bought in the units of the bars, and all else is that of the last.
    """
    records = _timed(replay.records)
    stories = setups.with_row_index("signal").with_columns(pl.col("signal").cast(pl.Int64))
    for name, kind in _ONCE.items():
        happened = records.filter(pl.col("kind") == kind).drop("kind")
        stories = stories.join(_prefixed(happened, name), on="signal", how="left", maintain_order="left")
    for name, kind in _FILLED.items():
        made = records.filter(pl.col("kind") == kind).drop("kind")
        stories = stories.join(_prefixed(_together(made), name), on="signal", how="left", maintain_order="left")
    return stories.with_columns(
        is_held=pl.col("in_qty").is_not_null() & (pl.col("out_qty").is_null() | (pl.col("out_qty_after") != 0.0)),
        is_filled=pl.col("in_units") >= pl.col("accepted_qty") / pl.col("accepted_factor") * (1.0 - 1e-9),
    )


def all_fills(setups: pl.DataFrame, replay: Replay) -> pl.DataFrame:
    """Return one row a fill: the columns of its setup and of its record, `order_id`, `fill_id`, and when it was made.

    An order fills at the time its bar opens; stop and limit at the close of their bar, the latest moment at which it
    can have been.
    """
    named = setups.with_row_index("signal").with_columns(pl.col("signal").cast(pl.Int64))
    is_entry = pl.col("kind") == kernel.ENTERED
    leg = (
        pl.when(is_entry)
        .then(pl.lit("entry"))
        .when(pl.col("why").is_in(BY_STOP))
        .then(pl.lit("stop"))
        .when(pl.col("why") == kernel.TARGET_MET)
        .then(pl.lit("limit"))
        .otherwise(pl.lit("exit"))
    )
    made = _timed(replay.records).filter(pl.col("kind").is_in(list(_FILLED.values())))
    return (
        made.rename({"ts": "filled_at", "reason": "why"})
        .join(named, on="signal", how="left", maintain_order="left")
        .with_columns(
            pl.concat_str("signal_id", leg.alias("leg"), separator=":").alias("order_id"),
            pl.when(is_entry).then("side").otherwise(-pl.col("side")).alias("direction"),
        )
        .with_columns(
            pl.concat_str("order_id", pl.int_range(1, pl.len() + 1).over("order_id"), separator="#").alias("fill_id")
        )
    )


def _timed(records: pl.DataFrame) -> pl.DataFrame:
    reason, kind = pl.col("reason"), pl.col("kind")
    is_fill = kind.is_in(list(_FILLED.values()))
    is_at_open = (
        pl.when(kind == kernel.ENTERED)
        .then(pl.col("order_type") == int(MARKET))
        .otherwise(~reason.is_in([*BY_STOP, kernel.TARGET_MET]))
    )
    is_called_off = (kind == kernel.CANCELLED) & reason.is_in([kernel.DAILY_LOSS_MET, kernel.LEFT])
    moment = (
        pl.when(is_fill)
        .then(pl.when(is_at_open).then("ts_open").otherwise("ts_close"))
        .when(is_called_off)
        .then("ts_decided")
        .when(kind == kernel.CANCELLED)
        .then(pl.when(reason.is_in([*BY_STOP, kernel.TARGET_MET])).then("ts_close").otherwise("ts_open"))
        .otherwise("ts_close")
    )
    text = reason.replace_strict(REASONS, return_dtype=pl.String)
    return records.with_columns(moment.alias("ts"), text.alias("text"))


def _together(made: pl.DataFrame) -> pl.DataFrame:
    weighted = {
        name: pl.when(pl.len() == 1)  # not price * qty / qty: the same bits where nothing is shared out
        .then(pl.col(name).first())
        .otherwise((pl.col(name) * pl.col("qty")).sum() / pl.col("qty").sum())
        for name in _WEIGHTED
    }
    last = [pl.col(name).last() for name in made.columns if name not in ("signal", *_SUMMED, *_WEIGHTED)]
    return made.group_by("signal", maintain_order=True).agg(
        *(pl.col(name).sum() for name in _SUMMED),
        *(expression.alias(name) for name, expression in weighted.items()),
        *last,
        pl.col("ts").first().alias("first_ts"),
        pl.col("factor").first().alias("first_factor"),
        (pl.col("qty") / pl.col("factor")).sum().alias("units"),
    )


def _prefixed(happened: pl.DataFrame, name: str) -> pl.DataFrame:
    return happened.rename({column: f"{name}_{column}" for column in happened.columns if column != "signal"})
