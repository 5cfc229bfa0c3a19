"""What a session did, as rows of the tables of signals and execution."""

from __future__ import annotations

import numpy as np
import polars as pl

from tsis.backtest.replay import Replay
from tsis.core.table import Table, spec
from tsis.kernels import session as kernel
from tsis.tables.execution.fills_log import FillsLog
from tsis.tables.execution.orders_log import OrdersLog
from tsis.tables.execution.positions import Positions
from tsis.tables.signals.active_signals import ActiveSignals
from tsis.tables.signals.signals_history import SignalsHistory

_REASONS = {
    kernel.NO_REASON: "armed",
    kernel.STOPPED: "stop",
    kernel.TARGET_MET: "target",
    kernel.EXPIRED: "expired",
    kernel.DAILY_LOSS_MET: "daily loss reached",
    kernel.TICKER_HELD: "the ticker has a position",
    kernel.POSITIONS_FULL: "all positions taken",
    kernel.BELOW_ONE_LOT: "risk allows less than one lot",
    kernel.ROLLED: "contract given up",
}
_STAGES = {
    "accepted": kernel.ACCEPTED,
    "rejected": kernel.REJECTED,
    "in": kernel.ENTERED,
    "cancelled": kernel.CANCELLED,
    "out": kernel.EXITED,
}
_BUY, _SELL = pl.lit("buy"), pl.lit("sell")


def signal_stories(setups: pl.DataFrame, replay: Replay) -> pl.DataFrame:
    """Return one row a setup with all that happened to it.

    To the columns of `setups` come those of the records with the prefixes ``accepted_``, ``rejected_``, ``in_``,
    ``cancelled_``, ``out_`` (null where it did not happen), and when it happened, ``…_ts``: an order fills at the time
    its bar opens, stop and target at the close of their bar, the latest moment at which it can have been.
    """
    texts = pl.col("reason").replace_strict(_REASONS, return_dtype=pl.String).alias("text")
    is_at_close = pl.col("reason").is_in([kernel.STOPPED, kernel.TARGET_MET])
    is_called_off = pl.col("reason") == kernel.DAILY_LOSS_MET
    moments = {
        "accepted": pl.col("ts_close"),
        "rejected": pl.col("ts_close"),
        "in": pl.col("ts_open"),
        "cancelled": pl.when(is_called_off).then("ts_decided").otherwise("ts_open"),
        "out": pl.when(is_at_close).then("ts_close").otherwise("ts_open"),
    }
    stories = setups.with_row_index("signal").with_columns(pl.col("signal").cast(pl.Int64))
    for name, kind in _STAGES.items():
        happened = (
            replay.records.filter(pl.col("kind") == kind).with_columns(texts, moments[name].alias("ts")).drop("kind")
        )
        renamed = happened.rename({column: f"{name}_{column}" for column in happened.columns if column != "signal"})
        stories = stories.join(renamed, on="signal", how="left", maintain_order="left")
    return stories


def signals_history(stories: pl.DataFrame) -> pl.DataFrame:
    """Return the decisions: ENTER where risk accepted, HOLD where checklist or risk refused, EXIT where it left.

    `risk_ok` is false only where a risk rule refused.
    """
    held_back = stories.filter(pl.col("accepted_qty").is_null()).with_columns(
        pl.lit("HOLD").alias("action"),
        pl.lit(0.0).alias("size"),
        pl.lit("cancelled").alias("status"),
        pl.col("rejected_text").is_null().alias("risk_ok"),
        pl.coalesce("rejected_text", "reason").alias("reason"),
    )
    accepted = stories.filter(pl.col("accepted_qty").is_not_null()).with_columns(pl.lit(True).alias("risk_ok"))
    entries = accepted.with_columns(
        pl.lit("ENTER").alias("action"),
        pl.col("accepted_qty").alias("size"),
        _entry_status().alias("status"),
        pl.col("accepted_text").alias("reason"),
    )
    exits = accepted.filter(pl.col("out_qty").is_not_null()).with_columns(
        pl.lit("EXIT").alias("action"),
        pl.col("out_qty").alias("size"),
        pl.lit("filled").alias("status"),
        pl.col("out_text").alias("reason"),
        _exit_signalled_at().alias("ts"),
    )
    return _conform(SignalsHistory, held_back, entries, exits)


def active_signals(stories: pl.DataFrame) -> pl.DataFrame:
    """Return the signals whose entry waits or whose position is open after the last bar."""
    is_active = pl.col("accepted_qty").is_not_null() & pl.col("out_qty").is_null() & pl.col("cancelled_qty").is_null()
    return _conform(
        ActiveSignals,
        stories.filter(is_active).with_columns(
            pl.coalesce("in_qty", "accepted_qty").alias("size"), _entry_status().alias("status")
        ),
    )


def orders_log(stories: pl.DataFrame) -> pl.DataFrame:
    """Return the entry orders, refused ones included, the stop and limit of each position, and the market exits.

    Stop and limit cancel each other. Prices are as traded at the moment of the order. A refused order has the quantity
    that risk allowed, or one lot where that was less.
    """
    was_sent = pl.col("accepted_qty").is_not_null()
    entries = stories.filter(was_sent | pl.col("rejected_qty").is_not_null()).with_columns(
        _order_id("entry"),
        pl.when(pl.col("side") > 0).then(_BUY).otherwise(_SELL).alias("side"),
        pl.coalesce("accepted_qty", "rejected_qty").alias("qty"),
        pl.lit("market").alias("type"),
        pl.lit(None, pl.Float64).alias("price"),
        (pl.col("stop") / pl.coalesce("accepted_factor", "rejected_factor")).alias("stop"),
        (pl.col("tp1") / pl.coalesce("accepted_factor", "rejected_factor")).alias("tp"),
        pl.when(pl.col("rejected_qty").is_not_null())
        .then(pl.lit("rejected"))
        .when(pl.col("in_qty").is_not_null())
        .then(pl.lit("filled"))
        .when(pl.col("cancelled_qty").is_not_null())
        .then(pl.lit("cancelled"))
        .otherwise(pl.lit("working"))
        .alias("status"),
        pl.col("rejected_text").alias("reject_reason"),
        pl.col("ts").alias("ts_signal"),
        pl.when(was_sent).then("ts").alias("ts_sent"),
        pl.coalesce("rejected_ts", "in_ts", "cancelled_ts").alias("ts_done"),
    )
    held = stories.filter(pl.col("in_qty").is_not_null())
    stops = _exit_orders(held, "stop", pl.col("stop") / pl.col("in_factor"), kernel.STOPPED)
    targets = _exit_orders(held, "limit", pl.col("tp1") / pl.col("in_factor"), kernel.TARGET_MET)
    market = _exit_orders(held.filter(_is_market_exit()), "market", pl.lit(None, pl.Float64), None)
    common = [
        pl.col("ts_sent").alias("ts_ack"),
        pl.lit(None, pl.Float64).alias("latency_ms"),
        pl.lit("simulated").alias("broker"),
    ]
    return _conform(OrdersLog, *(orders.with_columns(common) for orders in (entries, stops, targets, market)))


def fills_log(stories: pl.DataFrame) -> pl.DataFrame:
    """Return the fills at the price as traded."""
    held = stories.filter(pl.col("in_qty").is_not_null())
    left = held.filter(pl.col("out_qty").is_not_null())
    return _conform(
        FillsLog,
        *(
            rows.with_columns(
                order.alias("order_id"),
                (order + "#1").alias("fill_id"),
                pl.col(f"{leg}_ts").alias("ts"),
                pl.when(is_buy).then(_BUY).otherwise(_SELL).alias("side"),
                pl.col(f"{leg}_qty").alias("qty"),
                (pl.col(f"{leg}_price") / pl.col(f"{leg}_factor")).alias("price"),
                pl.col(f"{leg}_fee").alias("fee"),
                ((pl.col(f"{leg}_price") / pl.col(f"{leg}_reference") - 1.0).abs() * 1e4).alias("slippage_bps"),
                pl.col(f"{leg}_factor").alias("price_factor"),
            )
            for rows, leg, order, is_buy in (
                (held, "in", pl.col("signal_id") + ":entry", pl.col("side") > 0),
                (left, "out", _exit_order_id(), pl.col("side") < 0),
            )
        ),
    )


def positions(stories: pl.DataFrame) -> pl.DataFrame:
    """Return the position in the ticker after each fill."""
    held = stories.filter(pl.col("in_qty").is_not_null())
    left = held.filter(pl.col("out_qty").is_not_null())
    return _conform(
        Positions,
        *(
            rows.with_columns(
                pl.col(f"{leg}_ts").alias("ts"),
                (order + "#1").alias("fill_id"),
                pl.col(f"{leg}_qty_after").alias("qty"),
                average.alias("avg_price"),
                pl.col(f"{leg}_realised_after").alias("realised_pnl"),
                pl.lit(0.0).alias("unrealised_pnl"),
            )
            for rows, leg, order, average in (
                (held, "in", pl.col("signal_id") + ":entry", pl.col("in_price") / pl.col("in_factor")),
                (left, "out", _exit_order_id(), pl.lit(None, pl.Float64)),
            )
        ),
    )


def _exit_orders(held: pl.DataFrame, kind: str, price: pl.Expr, met_by: np.int64 | None) -> pl.DataFrame:
    is_met = pl.lit(True) if met_by is None else pl.col("out_reason").eq_missing(met_by)
    is_market = met_by is None
    return held.with_columns(
        _order_id("exit" if is_market else kind),
        pl.when(pl.col("side") > 0).then(_SELL).otherwise(_BUY).alias("side"),
        pl.coalesce("out_qty", "in_qty").alias("qty"),
        pl.lit(kind).alias("type"),
        price.alias("price"),
        pl.lit(None, pl.Float64).alias("stop"),
        pl.lit(None, pl.Float64).alias("tp"),
        pl.when(is_met)
        .then(pl.lit("filled"))
        .when(pl.col("out_qty").is_not_null())
        .then(pl.lit("cancelled"))
        .otherwise(pl.lit("working"))
        .alias("status"),
        pl.lit(None, pl.String).alias("reject_reason"),
        (_exit_signalled_at() if is_market else pl.col("ts")).alias("ts_signal"),
        (_exit_signalled_at() if is_market else pl.col("in_ts")).alias("ts_sent"),
        pl.col("out_ts").alias("ts_done"),
    )


def _is_market_exit() -> pl.Expr:
    return pl.col("out_reason").is_in([kernel.EXPIRED, kernel.DAILY_LOSS_MET, kernel.ROLLED])


def _exit_signalled_at() -> pl.Expr:
    return pl.when(pl.col("out_reason") == kernel.DAILY_LOSS_MET).then("out_ts_decided").otherwise("out_ts")


def _exit_order_id() -> pl.Expr:
    kind = (
        pl.when(_is_market_exit())
        .then(pl.lit("exit"))
        .when(pl.col("out_reason") == kernel.STOPPED)
        .then(pl.lit("stop"))
        .otherwise(pl.lit("limit"))
    )
    return pl.concat_str("signal_id", kind, separator=":")


def _order_id(kind: str) -> pl.Expr:
    return (pl.col("signal_id") + f":{kind}").alias("order_id")


def _entry_status() -> pl.Expr:
    return (
        pl.when(pl.col("in_qty").is_not_null())
        .then(pl.lit("filled"))
        .when(pl.col("cancelled_reason") == kernel.EXPIRED)
        .then(pl.lit("expired"))
        .when(pl.col("cancelled_reason").is_not_null())
        .then(pl.lit("cancelled"))
        .otherwise(pl.lit("waiting"))
    )


def _conform(table: type[Table], *frames: pl.DataFrame) -> pl.DataFrame:
    columns = list(spec(table).columns)
    return pl.concat([spec(table).empty(), *(frame.select(columns) for frame in frames)]).sort(spec(table).key)
