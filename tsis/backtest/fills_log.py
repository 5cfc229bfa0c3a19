"""The backtest: every strategy's setups through risk, orders and fills."""

from __future__ import annotations

import polars as pl
from pydantic import Field

from tsis.backtest import order_tables
from tsis.backtest.account import AccountParams
from tsis.backtest.costs import MarketParams
from tsis.backtest.replay import Replay, replay
from tsis.backtest.stories import all_fills, signal_stories
from tsis.core.errors import DataError, ParamsError
from tsis.core.stage import stage
from tsis.core.table import spec
from tsis.tables.execution.fills_log import FillsLog
from tsis.tables.execution.orders_log import OrdersLog
from tsis.tables.execution.positions import Positions
from tsis.tables.execution.risk_limits import RiskLimits
from tsis.tables.processed_features.futures_roll import FuturesRoll
from tsis.tables.processed_features.information_bars import InformationBars
from tsis.tables.reference.tickers_dim import TickersDim
from tsis.tables.signals.active_signals import ActiveSignals
from tsis.tables.signals.setups import Setups
from tsis.tables.signals.signals_history import SignalsHistory

_WRITES = [SignalsHistory, ActiveSignals, OrdersLog, FillsLog, Positions, RiskLimits]
Tables = tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame, pl.DataFrame, pl.DataFrame, pl.DataFrame]


class FillsLogParams(AccountParams):
    """The account of each strategy, its limits, and the markets that it trades on.

    Parameters
    ----------
    markets : by asset class.
    """

    markets: dict[str, MarketParams] = Field(
        default_factory=lambda: {
            "equity": MarketParams(slippage_bps=2.0, fee_per_unit=0.005, max_leverage=2.0),
            "etf": MarketParams(slippage_bps=1.0, fee_per_unit=0.005, max_leverage=2.0),
            "future": MarketParams(slippage_bps=0.8, fee_per_unit=2.0, max_leverage=10.0),
            "fx": MarketParams(slippage_bps=0.5, fee_bps=0.2, max_leverage=10.0),
            "crypto": MarketParams(slippage_bps=5.0, fee_bps=10.0, max_leverage=1.0),
        }
    )


@stage(reads=[Setups, InformationBars, FuturesRoll, TickersDim], writes=_WRITES, by="whole")
def fills_log(
    setups: pl.DataFrame,
    information_bars: pl.DataFrame,
    futures_roll: pl.DataFrame,
    tickers_dim: pl.DataFrame,
    params: FillsLogParams,
) -> Tables:
    """Trade each strategy's armed setups on an account of its own, with the session kernel.

    A setup decided at a close enters at the ticker's next open, with slippage and fees; one with a limit price at that
    price or better, in its next `max_bars` bars or until `expires_at`. It leaves at its stop or target
    within a bar (a gap through either fills at the open; where a bar holds both, the stop was first), at the first open
    at or after `expires_at`, at the open after `max_bars` bars, or at the first open after a close at which the day had
    lost `daily_loss_frac`. A day is
    the UTC date of the bars. An entry that has no next bar waits, and what is held at the last bar stays open.

    A product of futures_roll is never held over a roll: a position leaves at the last close of the contract that is
    given up, at the `held_from` of the next, with slippage and fees, and an entry that waits is cancelled.

    Bars are forward-adjusted; fills are as traded: price / price_factor, and the quantity times it. A dividend is so
    treated as reinvested, and an exit may sell a fraction more than was bought. Quantities are rounded to 1e-9.

    Raises
    ------
    DataError
        If an armed setup has no bar, or its ticker no row in tickers_dim.
    ParamsError
        If `markets` lacks the asset class of a ticker.
    """
    limits = params.limits()
    frames: list[list[pl.DataFrame]] = [[spec(table).empty()] for table in _WRITES]
    for proposed in setups.sort(spec(Setups).key).partition_by("session_id", maintain_order=True):
        bars = information_bars.join(
            proposed.select("ticker", "bar_spec").unique(), on=["ticker", "bar_spec"], how="semi"
        )
        instruments = _instruments(proposed, tickers_dim, params)
        session = replay(proposed, bars, futures_roll, instruments, limits, params.start_equity)
        stories = signal_stories(proposed, session).with_columns(
            pl.col("^(accepted|rejected|in|cancelled|out)_qty(_after)?$").round(9)
        )
        made = all_fills(proposed, session).with_columns(pl.col("qty", "qty_after").round(9))
        results = (
            order_tables.signals_history(stories),
            order_tables.active_signals(stories),
            order_tables.orders_log(stories),
            order_tables.fills_log(made),
            order_tables.positions(made),
            _risk_limits(stories, session, params),
        )
        for listed, result in zip(frames, results, strict=True):
            listed.append(result)
    history, active, orders, fills, positions, risk = (
        pl.concat(listed).sort(spec(table).key) for listed, table in zip(frames, _WRITES, strict=True)
    )
    return history, active, orders, fills, positions, risk


def _instruments(setups: pl.DataFrame, tickers_dim: pl.DataFrame, params: FillsLogParams) -> pl.DataFrame:
    latest = tickers_dim.sort("valid_from", "known_at").unique("ticker", keep="last", maintain_order=True)
    traded = setups.select("ticker").unique().join(latest, on="ticker", how="left").sort("ticker")
    rows = []
    for row in traded.iter_rows(named=True):
        if row["asset_class"] is None:
            raise DataError(f"fills_log: {row['ticker']} is not in reference.tickers_dim; ingest the instrument first")
        market = params.markets.get(row["asset_class"])
        if market is None:
            raise ParamsError(
                f"fills_log.markets has no entry for {row['asset_class']}, the class of {row['ticker']}; add its costs"
            )
        rows.append({"ticker": row["ticker"], **market.row(row["multiplier"], row["lot_size"], row["tick_size"])})
    return pl.DataFrame(rows)


def _risk_limits(stories: pl.DataFrame, session: Replay, params: FillsLogParams) -> pl.DataFrame:
    refused = stories.filter(pl.col("rejected_text").is_not_null())
    too_small = refused.filter(pl.col("rejected_text") == "risk allows less than one lot")["ts"].min()
    full = refused.filter(pl.col("rejected_text").is_in(["the ticker has a position", "all positions taken"]))[
        "ts"
    ].min()
    rows = [
        ("risk_per_trade_frac", params.risk_per_trade_frac, session.most_risk_frac, too_small),
        ("max_positions", float(params.max_positions), session.most_held, full),
        ("daily_loss_frac", params.daily_loss_frac, session.most_loss_frac, session.first_halt_at),
    ]
    identity = stories.row(0, named=True)
    return pl.DataFrame(
        [(identity["session_id"], identity["origin"], *row) for row in rows],
        schema=spec(RiskLimits).polars_schema,
        orient="row",
    )
