"""The result of every strategy, day by day."""

from __future__ import annotations

import numpy as np
import polars as pl
from pydantic import Field

from tsis.core.errors import DataError, some
from tsis.core.params import Params
from tsis.core.stage import stage
from tsis.core.table import spec
from tsis.tables.analytics.pnl_daily import PnlDaily
from tsis.tables.execution.fills_log import FillsLog
from tsis.tables.execution.orders_log import OrdersLog
from tsis.tables.processed_features.information_bars import InformationBars
from tsis.tables.reference.tickers_dim import TickersDim
from tsis.tables.signals.setups import Setups


class PnlDailyParams(Params):
    """The account.

    Parameters
    ----------
    start_equity : cash of each strategy at the start; keep it equal to ``fills_log.start_equity``.
    """

    start_equity: float = Field(default=100_000.0, gt=0)


@stage(reads=[Setups, OrdersLog, FillsLog, InformationBars, TickersDim], writes=[PnlDaily], by="whole")
def pnl_daily(
    setups: pl.DataFrame,
    orders_log: pl.DataFrame,
    fills_log: pl.DataFrame,
    information_bars: pl.DataFrame,
    tickers_dim: pl.DataFrame,
    params: PnlDailyParams,
) -> pl.DataFrame:
    """Mark each strategy to the last close of each UTC date on which its series have bars.

    The first date is that of its first setup with a prediction: before it, the strategy could not trade. Every later
    date with a bar counts, those without a trade as a return of 0. A bar that ends at midnight belongs to the day that
    it ends, and a fill to the day of its bar, as in the session's daily loss: stop and limit orders fill at their bar's
    close, market orders at its open. A fill at neither time of a bar belongs to its own UTC date.
    Equity is start + cash flows of the fills + the position (quantity / price_factor) at the bars' closes. Funding of a
    position is a cash flow of the fill that it is booked with.

    Raises
    ------
    DataError
        If fills belong to a session without setups, or a ticker is not in tickers_dim.
    """
    orphans = fills_log.join(setups, on="session_id", how="anti")["session_id"].unique().sort().to_list()
    if orphans:
        raise DataError(f"pnl_daily: fills of {some(orphans)} have no setups; run setups and fills_log again")
    latest = tickers_dim.sort("valid_from", "known_at").unique("ticker", keep="last", maintain_order=True)
    fills = _cash_flows(fills_log, orders_log, latest)
    bars = information_bars.select("ticker", "bar_spec", "ts_open", "ts_close", "seq", "close").with_columns(
        _day_ended("ts_close").alias("date")
    )
    results = [spec(PnlDaily).empty()]
    predicted = setups.filter(pl.col("ml_score").is_not_null())
    for proposed in predicted.sort(spec(Setups).key).partition_by("session_id", maintain_order=True):
        own = fills.filter(pl.col("session_id") == proposed["session_id"][0])
        results.append(_session(proposed, own, bars, latest, params.start_equity))
    return pl.concat(results).sort(spec(PnlDaily).key)


def _day_ended(time: str) -> pl.Expr:
    return pl.col(time).dt.offset_by("-1us").dt.date()


def _cash_flows(fills_log: pl.DataFrame, orders_log: pl.DataFrame, latest: pl.DataFrame) -> pl.DataFrame:
    fills = fills_log.join(latest.select("ticker", "multiplier"), on="ticker", how="left")
    unknown = fills.filter(pl.col("multiplier").is_null())["ticker"].unique().sort().to_list()
    if unknown:
        raise DataError(f"pnl_daily: {some(unknown)} not in reference.tickers_dim; ingest the instruments first")
    sign = pl.when(pl.col("side") == "buy").then(1.0).otherwise(-1.0)
    value = pl.col("qty") * pl.col("price") * pl.col("multiplier")
    orders = orders_log.select("session_id", "order_id", "type")
    return (
        fills.join(orders, on=["session_id", "order_id"], how="left")
        .sort("ts", "fill_id")
        .select(
            "session_id",
            "ticker",
            "ts",
            pl.col("type").is_in(["stop", "limit"]).alias("is_at_close"),
            (sign * pl.col("qty") / pl.col("price_factor")).alias("units"),
            value.alias("value"),
            "fee",
            (-sign * value - pl.col("fee") - pl.col("funding")).alias("cash"),
        )
    )


def _dated(fills: pl.DataFrame, bars: pl.DataFrame) -> pl.DataFrame:
    """Give each fill the day of the bar that it was made in."""
    opened = bars.sort("ts_close", "seq").unique(["ticker", "ts_open"], keep="first")
    closed = bars.unique(["ticker", "ts_close"])
    days = [
        days.select("ticker", pl.col(time).alias("ts"), pl.col("date").alias(name))
        for days, time, name in ((opened, "ts_open", "opened"), (closed, "ts_close", "closed"))
    ]
    for table in days:
        fills = fills.join(table, on=["ticker", "ts"], how="left", maintain_order="left")
    of_bar = pl.when("is_at_close").then("closed").otherwise("opened")
    return fills.with_columns(pl.coalesce(of_bar, pl.col("ts").dt.date()).alias("date"))


def _session(
    setups: pl.DataFrame, fills: pl.DataFrame, bars: pl.DataFrame, latest: pl.DataFrame, start_equity: float
) -> pl.DataFrame:
    series = setups.select("ticker", "bar_spec").unique()
    tickers = series["ticker"].unique().sort()
    bars = bars.join(series, on=["ticker", "bar_spec"], how="semi")
    fills = _dated(fills, bars)
    first = min(x for x in (setups.select(_day_ended("t0"))["t0"].min(), fills["date"].min()) if x is not None)
    marks = (
        bars.sort("ts_close", "seq")
        .group_by("ticker", "date", maintain_order=True)
        .agg(pl.col("close").last())
        .pivot(on="ticker", on_columns=tickers, index="date", values="close")
        .sort("date")
        .with_columns(pl.exclude("date").forward_fill())
        .filter(pl.col("date") >= first)
    )
    days = marks["date"].to_physical().to_numpy()
    price = marks.select(tickers.to_list()).to_numpy()
    multiplier = (
        tickers.to_frame().join(latest, on="ticker", how="left", maintain_order="left")["multiplier"].to_numpy()
    )
    day = np.searchsorted(days, fills["date"].to_physical().to_numpy(), side="left")
    flow, fee, traded = (np.zeros(days.size + 1) for _ in range(3))
    n_fills = np.zeros(days.size + 1, dtype=np.int64)
    units = np.zeros((days.size + 1, len(tickers)))
    number = {ticker: at for at, ticker in enumerate(tickers)}
    np.add.at(flow, day, fills["cash"].to_numpy())
    np.add.at(fee, day, fills["fee"].to_numpy())
    np.add.at(traded, day, fills["value"].to_numpy())
    np.add.at(n_fills, day, 1)
    traded_column = np.array([number[ticker] for ticker in fills["ticker"]], dtype=np.int64)
    np.add.at(units, (day, traded_column), fills["units"].to_numpy())
    held = np.cumsum(units, axis=0)[:-1]
    equity = start_equity + np.cumsum(flow)[:-1] + _position_value(held, price, multiplier)
    before = np.concatenate(([start_equity], equity[:-1]))
    result = pl.DataFrame(
        {
            "date": marks["date"],
            "equity": equity,
            "pnl": equity - before,
            "ret_frac": np.divide(equity - before, before, out=np.zeros(days.size), where=before > 0),
            "n_fills": n_fills[:-1],
            "fees": fee[:-1],
            "turnover": traded[:-1],
        }
    )
    names = {"session_id": setups["session_id"][0], "origin": setups["origin"][0], "strategy_id": setups["model"][0]}
    return result.with_columns(pl.lit(text).alias(name) for name, text in names.items()).select(
        list(spec(PnlDaily).columns)
    )


def _position_value(held: np.ndarray, price: np.ndarray, multiplier: np.ndarray) -> np.ndarray:
    value = np.zeros(held.shape[0])
    for ticker in range(held.shape[1]):  # in order, not by BLAS: the same bits everywhere
        is_held = np.abs(held[:, ticker]) > 1e-9
        value += np.where(is_held, held[:, ticker] * price[:, ticker] * multiplier[ticker], 0.0)
    return value
