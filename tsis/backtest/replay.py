"""One session over history: the setups of a strategy and its bars go through the session kernel."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl

from tsis.backtest.costs import INSTRUMENT
from tsis.backtest.fold import BarArrays, fold
from tsis.core.errors import DataError, some
from tsis.kernels import account as acc
from tsis.kernels import decision, fills
from tsis.kernels.orders import LIMIT, MARKET
from tsis.kernels.session import Floats

_EVENT = ["ticker", "bar_spec", "ts_close", "seq"]
_RECORD = {
    "kind": fills.KIND,
    "row": fills.AT_ROW,
    "number": fills.TICKER,
    "signal": fills.SIGNAL_ID,
    "reason": fills.REASON,
    "order_type": fills.ORDER_TYPE,
    "qty": fills.FILLED_QTY,
    "price": fills.PRICE,
    "reference": fills.REFERENCE,
    "fee": fills.FEE,
    "factor": fills.BAR_FACTOR,
    "qty_after": fills.QTY_AFTER,
    "entry_after": fills.ENTRY_AFTER,
    "realised_after": fills.REALISED_AFTER,
    "signalled_row": fills.SIGNALLED_ROW,
    "funding": fills.FUNDING_PAID,
}
_COUNTS = ("kind", "row", "number", "signal", "reason", "order_type", "signalled_row")


@dataclass(frozen=True)
class Replay:
    """What happened.

    Parameters
    ----------
    records : one row a decision, fill or cancellation, in the order in which they came: kind and reason (codes of
        ``tsis.kernels.fills``), signal (row of the setups), type of the order, qty as traded, price and reference as in
        the bars, fee, funding since the fill before, factor, what is held afterwards, the times and the volume of
        the bar, the time of the decision behind it, and the instrument's multiplier.
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
    """Run the session kernel over the bars, from the first setup with a prediction to the last bar.

    Parameters
    ----------
    setups : of one session, sorted by key; `signal` in the result is the row number here. Only armed ones are proposed.
    bars : of its tickers and bar specification; any order.
    rolls : rows of futures_roll. A contract of a traded product is given up at the `held_from` of the next, after all
        bars that close by then.
    instruments : ticker, and the columns of `tsis.backtest.costs.INSTRUMENT`.
    limits : the kernel's `limits`.
    equity : what the account starts with.

    Raises
    ------
    DataError
        If an armed setup has no bar, or a ticker no instrument.
    """
    begin = setups.filter(pl.col("ml_score").is_not_null())["t0"].min()
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
        .filter(pl.col("ts_close") >= pl.lit(begin, setups.schema["t0"]))
        .join(known.select("ticker", "number"), on="ticker", how="left")
        .join(
            numbered.filter(pl.col("action") == "ENTRY_ARMED").select(
                *_EVENT,
                "signal",
                "side",
                "limit_price",
                "stop",
                "tp1",
                "trail_frac",
                "bet_size",
                "expires_at",
                "max_bars",
            ),
            on=_EVENT,
            how="left",
        )
        .sort("ts_close", "is_roll", "ticker", "seq")
        .with_columns(pl.col("price_factor").forward_fill().over("ticker").fill_null(1.0))
    )
    _require_complete(setups, rows)
    state = acc.new_state(equity, known.height)
    records = fold(
        state,
        limits,
        known.select(INSTRUMENT).cast(pl.Float64).to_numpy(order="c"),
        _bar_arrays(rows),
        _proposals(rows),
    )
    halt = int(state[acc.FIRST_HALT_ROW])
    return Replay(
        records=_named(records, rows, known),
        most_risk_frac=float(state[acc.MOST_RISK]),
        most_held=float(state[acc.MOST_HELD]),
        most_loss_frac=float(state[acc.MOST_LOSS]),
        first_halt_at=rows["ts_close"][halt] if halt >= 0 else None,
    )


def session_day(ts_close: pl.Series) -> pl.Series:
    """Return the UTC date of each bar; one that ends at midnight belongs to the day that it ends."""
    return ts_close.dt.offset_by("-1us").dt.date()


def _bar_arrays(rows: pl.DataFrame) -> BarArrays:
    prices = (rows[name].fill_null(math.nan).to_numpy() for name in ("open", "high", "low", "close", "volume"))
    open_, high, low, close, volume = prices
    return BarArrays(
        ticker=rows["number"].cast(pl.Int64).to_numpy(),
        day=session_day(rows["ts_close"]).to_physical().cast(pl.Int64).to_numpy(),
        ts_open=rows["ts_open"].to_physical().to_numpy(),
        ts_close=rows["ts_close"].to_physical().to_numpy(),
        open_=open_,
        high=high,
        low=low,
        close=close,
        volume=volume,
        factor=rows["price_factor"].to_numpy(),
    )


def _proposals(rows: pl.DataFrame) -> Floats:
    proposed = rows.with_row_index("row").filter(pl.col("signal").is_not_null())
    is_limit = pl.col("limit_price").is_not_null()
    columns = {
        decision.P_ROW: pl.col("row"),
        decision.P_SIGNAL: pl.col("signal"),
        decision.P_SIDE: pl.col("side"),
        decision.P_TYPE: pl.when(is_limit).then(float(LIMIT)).otherwise(float(MARKET)),
        decision.P_PRICE: pl.col("limit_price").fill_null(math.nan),
        decision.P_STOP: pl.col("stop"),
        decision.P_TARGET: pl.col("tp1"),
        decision.P_TRAIL: pl.col("trail_frac").fill_null(0.0),
        decision.P_SIZING: pl.lit(float(decision.BY_RISK)),
        decision.P_SIZE: pl.col("bet_size"),
        decision.P_EXPIRES: pl.col("expires_at").to_physical().cast(pl.Float64).fill_null(math.inf),
        decision.P_MAX_BARS: pl.col("max_bars").cast(pl.Float64).fill_null(math.inf),
        # a bet that has not begun when it would have ended is none any more
        decision.P_GOOD_BARS: pl.when(is_limit).then(pl.col("max_bars").cast(pl.Float64)).fill_null(math.inf),
    }
    named = [expression.cast(pl.Float64).alias(str(at)) for at, expression in sorted(columns.items())]
    return proposed.select(named).to_numpy(order="c")


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


def _named(records: Floats, rows: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    table = pl.DataFrame({name: np.ascontiguousarray(records[:, at]) for name, at in _RECORD.items()})
    table = table.with_columns(pl.col(_COUNTS).cast(pl.Int64))
    bar, decided = table["row"].to_numpy(), table["signalled_row"].to_numpy()
    return table.with_columns(
        rows["ts_open"].gather(bar).alias("ts_open"),
        rows["volume"].gather(bar).alias("bar_volume"),
        rows["ts_close"].gather(bar).alias("ts_close"),
        rows["ts_close"].gather(decided).alias("ts_decided"),
        known["multiplier"].gather(table["number"]).alias("multiplier"),
    ).drop("row", "signalled_row", "number")
