"""What a session did, as rows of the tables of signals and execution."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from tsis.backtest.stories import BY_STOP
from tsis.core.table import Table, spec
from tsis.kernels import fills as kernel
from tsis.tables.execution.fills_log import FillsLog
from tsis.tables.execution.orders_log import OrdersLog
from tsis.tables.execution.positions import Positions
from tsis.tables.signals.active_signals import ActiveSignals
from tsis.tables.signals.signals_history import SignalsHistory

_BUY, _SELL = pl.lit("buy"), pl.lit("sell")


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
    waits = pl.col("accepted_qty").is_not_null() & pl.col("in_qty").is_null() & pl.col("cancelled_qty").is_null()
    return _conform(
        ActiveSignals,
        stories.filter(waits | pl.col("is_held")).with_columns(
            pl.coalesce(pl.col("out_qty_after").abs(), "in_qty", "accepted_qty").alias("size"),
            _entry_status().alias("status"),
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
        pl.when(pl.col("limit_price").is_null()).then(pl.lit("market")).otherwise(pl.lit("limit")).alias("type"),
        (pl.col("limit_price") / pl.coalesce("accepted_factor", "rejected_factor")).alias("price"),
        (pl.col("stop") / pl.coalesce("accepted_factor", "rejected_factor")).alias("stop"),
        (pl.col("tp1") / pl.coalesce("accepted_factor", "rejected_factor")).alias("tp"),
        pl.when(pl.col("rejected_qty").is_not_null())
        .then(pl.lit("rejected"))
        .when(pl.col("is_filled"))
        .then(pl.lit("filled"))
        .when(pl.col("cancelled_qty").is_not_null())
        .then(pl.lit("cancelled"))
        .otherwise(pl.lit("working"))
        .alias("status"),
        pl.col("rejected_text").alias("reject_reason"),
        pl.col("ts").alias("ts_signal"),
        pl.when(was_sent).then("ts").alias("ts_sent"),
        pl.coalesce("rejected_ts", "cancelled_ts", pl.when("is_filled").then("in_ts")).alias("ts_done"),
    )
    held = stories.filter(pl.col("in_qty").is_not_null())
    stops = _exit_orders(held, "stop", pl.col("stop") / pl.col("in_first_factor"), BY_STOP)
    targets = _exit_orders(held, "limit", pl.col("tp1") / pl.col("in_first_factor"), (kernel.TARGET_MET,))
    market = _exit_orders(held.filter(_is_market_exit()), "market", pl.lit(None, pl.Float64), ())
    common = [
        pl.col("ts_sent").alias("ts_ack"),
        pl.lit(None, pl.Float64).alias("latency_ms"),
        pl.lit("simulated").alias("broker"),
    ]
    return _conform(OrdersLog, *(orders.with_columns(common) for orders in (entries, stops, targets, market)))


def fills_log(made: pl.DataFrame) -> pl.DataFrame:
    """Return the fills, of `tsis.backtest.stories.all_fills`, at the price as traded."""
    rows = made.with_columns(
        pl.col("filled_at").alias("ts"),
        pl.when(pl.col("direction") > 0).then(_BUY).otherwise(_SELL).alias("side"),
        (pl.col("price") / pl.col("factor")).alias("price"),
        ((pl.col("price") / pl.col("reference") - 1.0).abs() * 1e4).alias("slippage_bps"),
        pl.when(pl.col("bar_volume") > 0.0)
        .then(pl.col("qty") / pl.col("factor") / pl.col("bar_volume"))
        .alias("volume_frac"),
        pl.col("factor").alias("price_factor"),
    )
    return _conform(FillsLog, rows)


def positions(made: pl.DataFrame) -> pl.DataFrame:
    """Return the position in the ticker after each fill, of `tsis.backtest.stories.all_fills`."""
    is_flat = pl.col("qty_after") == 0.0
    open_result = (
        pl.col("qty_after") / pl.col("factor") * (pl.col("price") - pl.col("entry_after")) * pl.col("multiplier")
    )
    rows = made.with_columns(
        pl.col("filled_at").alias("ts"),
        pl.col("qty_after").alias("qty"),
        pl.when(~is_flat).then(pl.col("entry_after") / pl.col("factor")).alias("avg_price"),
        pl.col("realised_after").alias("realised_pnl"),
        pl.when(is_flat).then(0.0).otherwise(open_result).alias("unrealised_pnl"),
    )
    return _conform(Positions, rows)


def _exit_orders(held: pl.DataFrame, kind: str, price: pl.Expr, met_by: Sequence[np.int64]) -> pl.DataFrame:
    is_market = kind == "market"
    is_over = pl.col("out_qty").is_not_null() & ~pl.col("is_held")
    is_met = is_over if is_market else is_over & pl.col("out_reason").is_in(met_by).fill_null(value=False)
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
        .when(is_over)
        .then(pl.lit("cancelled"))
        .otherwise(pl.lit("working"))
        .alias("status"),
        pl.lit(None, pl.String).alias("reject_reason"),
        (_exit_signalled_at() if is_market else pl.col("ts")).alias("ts_signal"),
        (_exit_signalled_at() if is_market else pl.col("in_first_ts")).alias("ts_sent"),
        pl.when(is_over).then("out_ts").alias("ts_done"),
    )


def _is_market_exit() -> pl.Expr:
    return pl.col("out_reason").is_in([kernel.EXPIRED, kernel.DAILY_LOSS_MET, kernel.ROLLED, kernel.LEFT])


def _exit_signalled_at() -> pl.Expr:
    is_called_off = pl.col("out_reason").is_in([kernel.DAILY_LOSS_MET, kernel.LEFT])
    return pl.when(is_called_off).then("out_ts_decided").otherwise("out_ts")


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
