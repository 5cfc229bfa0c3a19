"""One session over history: the setups of a strategy and its bars go through the session kernel."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl

from tsis.core.errors import DataError, some
from tsis.kernels import session as kernel
from tsis.kernels.session import Floats

_EVENT = ["ticker", "bar_spec", "ts_close", "seq"]
_RECORD = {
    "kind": kernel.KIND,
    "row": kernel.AT_ROW,
    "signal": kernel.SIGNAL_ID,
    "reason": kernel.REASON,
    "qty": kernel.ORDER_QTY,
    "price": kernel.PRICE,
    "reference": kernel.REFERENCE,
    "fee": kernel.FEE,
    "factor": kernel.BAR_FACTOR,
    "qty_after": kernel.QTY_AFTER,
    "entry_after": kernel.ENTRY_AFTER,
    "realised_after": kernel.REALISED_AFTER,
    "signalled_row": kernel.SIGNALLED_ROW,
}
_COUNTS = ("kind", "row", "signal", "reason", "signalled_row")


@dataclass(frozen=True)
class Replay:
    """What happened.

    Parameters
    ----------
    records : one row a decision, fill or cancellation, in the order in which they came: kind and reason (codes of
        ``tsis.kernels.session``), signal (row of the setups), qty as traded, price and reference as in the bars, fee,
        factor, what is held afterwards, and the times of the bar and of the decision behind it.
    most_risk_frac, most_held, most_loss_frac : largest risk of an order, number of positions, loss of a day.
    first_halt_at : first time the day's loss was reached; None if never.
    """

    records: pl.DataFrame
    most_risk_frac: float
    most_held: float
    most_loss_frac: float
    first_halt_at: datetime | None


def replay(
    setups: pl.DataFrame,
    bars: pl.DataFrame,
    rolls: pl.DataFrame,
    instruments: pl.DataFrame,
    limits: Floats,
    equity: float,
) -> Replay:
    """Run the session kernel over the bars, from the first setup to the last bar.

    Parameters
    ----------
    setups : of one session, sorted by key; `signal` in the result is the row number here. Only armed ones are proposed.
    bars : of its tickers and bar specification; any order.
    rolls : rows of futures_roll. A contract of a traded product is given up at the `held_from` of the next, after all
        bars that close by then.
    instruments : ticker, then the columns of the kernel's `instruments` in order.
    limits : the kernel's `limits`.
    equity : what the account starts with.

    Raises
    ------
    DataError
        If an armed setup has no bar, or a ticker no instrument.
    """
    numbered = setups.with_row_index("signal").with_columns(
        pl.col("signal").cast(pl.Int64), pl.col("t0").alias("ts_close")
    )
    known = instruments.sort("ticker").with_row_index("number")
    given_up = rolls.filter(pl.col("previous").is_not_null()).select(
        pl.col("product").alias("ticker"), ts_open="held_from", ts_close="held_from", is_roll=True
    )
    rows = (
        pl.concat(
            [
                bars.with_columns(is_roll=pl.lit(value=False)),
                given_up.join(bars.select("ticker").unique(), on="ticker", how="semi"),
            ],
            how="diagonal",
        )
        .filter(pl.col("ts_close") >= setups["t0"].min())
        .join(known.select("ticker", "number"), on="ticker", how="left")
        .join(
            numbered.filter(pl.col("action") == "ENTRY_ARMED").select(
                *_EVENT, "signal", "side", "stop", "tp1", "bet_size", "expires_at", "max_bars"
            ),
            on=_EVENT,
            how="left",
        )
        .sort("ts_close", "is_roll", "ticker", "seq")
        .with_columns(pl.col("price_factor").forward_fill().over("ticker").fill_null(1.0))
    )
    _require_complete(setups, rows)
    state = kernel.new_state(equity, known.height)
    records = kernel.new_records(rows["signal"].count(), known.height)
    n_records = kernel.session(
        state,
        limits,
        known.drop("ticker", "number").cast(pl.Float64).to_numpy(order="c"),
        rows["number"].cast(pl.Int64).to_numpy(),
        session_day(rows["ts_close"]).to_physical().cast(pl.Int64).to_numpy(),
        rows["ts_open"].to_physical().to_numpy(),
        rows["ts_close"].to_physical().to_numpy(),
        rows.select(pl.col("open", "high", "low", "close").fill_null(math.nan), "price_factor").to_numpy(order="c"),
        _proposals(rows),
        records,
    )
    halt = int(state[kernel.FIRST_HALT_ROW])
    return Replay(
        records=_named(records[:n_records], rows),
        most_risk_frac=float(state[kernel.MOST_RISK]),
        most_held=float(state[kernel.MOST_HELD]),
        most_loss_frac=float(state[kernel.MOST_LOSS]),
        first_halt_at=rows["ts_close"][halt] if halt >= 0 else None,
    )


def session_day(ts_close: pl.Series) -> pl.Series:
    """Return the UTC date of each bar; one that ends at midnight belongs to the day that it ends."""
    return ts_close.dt.offset_by("-1us").dt.date()


def _proposals(rows: pl.DataFrame) -> Floats:
    columns = rows.select(
        pl.col("signal").fill_null(-1).cast(pl.Float64),
        pl.col("side").cast(pl.Float64),
        "stop",
        "tp1",
        "bet_size",
        pl.col("expires_at").to_physical().cast(pl.Float64).fill_null(math.inf),
        pl.col("max_bars").cast(pl.Float64).fill_null(math.inf),
    )
    return columns.fill_null(0.0).to_numpy(order="c")


def _require_complete(setups: pl.DataFrame, rows: pl.DataFrame) -> None:
    n_armed = int((setups["action"] == "ENTRY_ARMED").sum())
    n_found = rows["signal"].count()
    if n_found != n_armed:
        raise DataError(
            f"fills_log: {n_armed - n_found:,} of {n_armed:,} armed setups of {setups['session_id'][0]} have no bar in "
            "processed_features.information_bars; run setups again"
        )
    unknown = rows.filter(pl.col("number").is_null())["ticker"].unique().sort().to_list()
    if unknown:
        raise DataError(f"fills_log: {some(unknown)} not in reference.tickers_dim; ingest the instruments first")


def _named(records: Floats, rows: pl.DataFrame) -> pl.DataFrame:
    table = pl.DataFrame({name: np.ascontiguousarray(records[:, at]) for name, at in _RECORD.items()})
    table = table.with_columns(pl.col(_COUNTS).cast(pl.Int64))
    bar, decided = table["row"].to_numpy(), table["signalled_row"].to_numpy()
    return table.with_columns(
        rows["ts_open"].gather(bar).alias("ts_open"),
        rows["ts_close"].gather(bar).alias("ts_close"),
        rows["ts_close"].gather(decided).alias("ts_decided"),
    ).drop("row", "signalled_row")
