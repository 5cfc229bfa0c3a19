"""One account over history: signals become orders, fills, trades and an equity curve."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl

from tsis.backtest.account import AccountParams
from tsis.backtest.fold import fold
from tsis.backtest.proposals import proposals
from tsis.backtest.stories import REASONS
from tsis.backtest.tape import Tape
from tsis.kernels import account as acc
from tsis.kernels import fills as kernel
from tsis.kernels.costs import MULTIPLIER

Floats = npt.NDArray[np.float64]
_FILLS = {
    "ticker": kernel.TICKER,
    "signal": kernel.SIGNAL_ID,
    "reason": kernel.REASON,
    "row": kernel.AT_ROW,
    "kind": kernel.KIND,
}
_NUMBERS = {
    "qty": kernel.FILLED_QTY,
    "price": kernel.PRICE,
    "reference": kernel.REFERENCE,
    "fee": kernel.FEE,
    "funding": kernel.FUNDING_PAID,
    "price_factor": kernel.BAR_FACTOR,
    "qty_after": kernel.QTY_AFTER,
}


@dataclass(frozen=True)
class Backtest:
    """What an account did.

    Parameters
    ----------
    tape : what it ran over.
    start_equity : quote currency.
    equity : (n_bars,) at the close of each bar of the tape, quote currency.
    records : of the session kernel, columns of `tsis.kernels.fills`.
    state : of the account after the last bar: with it, the next bars go on.
    """

    tape: Tape
    start_equity: float
    equity: Floats
    records: Floats
    state: Floats

    @cached_property
    def curve(self) -> pl.DataFrame:
        """Return ``ts_close, equity``: one row a moment at which bars close."""
        closes = pl.Series("ts_close", self.tape.bars.ts_close).cast(pl.Datetime("us", "UTC"))
        curve = pl.DataFrame([closes, pl.Series("equity", self.equity)])
        return curve if len(self.tape.tickers) == 1 else curve.unique("ts_close", keep="last", maintain_order=True)

    @cached_property
    def fills(self) -> pl.DataFrame:
        """Return one row a fill: prices as in the bars, quantities as traded, `signal` the row of the signals."""
        records = self.records[np.isin(self.records[:, kernel.KIND], (kernel.ENTERED, kernel.EXITED))]
        counts = {name: records[:, at].astype(np.int64) for name, at in _FILLS.items()}
        numbers = {name: np.ascontiguousarray(records[:, at]) for name, at in _NUMBERS.items()}
        bars = self.tape.bars
        is_entry = counts["kind"] == kernel.ENTERED
        opened = ~np.isin(counts["reason"], (kernel.STOPPED, kernel.TRAILED, kernel.TARGET_MET))
        is_at_open = np.where(is_entry, records[:, kernel.ORDER_TYPE] == 0, opened)
        at = np.where(is_at_open, bars.ts_open[counts["row"]], bars.ts_close[counts["row"]])
        table = pl.DataFrame({**counts, **numbers, "is_entry": is_entry})
        return table.select(
            pl.Series("ts", at).cast(pl.Datetime("us", "UTC")),
            pl.Series("ticker", np.array(self.tape.tickers, dtype=object)[counts["ticker"]], pl.String),
            "signal",
            "is_entry",
            pl.col("reason").replace_strict(REASONS, return_dtype=pl.String),
            *_NUMBERS,
            pl.Series("multiplier", self.tape.instruments[counts["ticker"], MULTIPLIER]),
            pl.Series("side", np.where(is_entry, 1, -1)) * self._side_of(records),
        )

    @cached_property
    def trades(self) -> pl.DataFrame:
        """Return one row a position that has ended, in the order of its end.

        `side`, `qty` in the units of the bars, mean `entry_price` and `exit_price`, `pnl` after `fees` and `funding`
        (quote currency), `ret_frac` of the value entered, when it began and ended, how many bars of the tape lie
        between, and the reason of the last fill.
        """
        units = pl.col("qty") / pl.col("price_factor")
        entry, leave = pl.col("is_entry"), ~pl.col("is_entry")
        rows = self.fills.with_row_index("at").with_columns(units.alias("units"))
        mean = [
            ((pl.col("price") * pl.col("units")).filter(which).sum() / pl.col("units").filter(which).sum()).alias(name)
            for which, name in ((entry, "entry_price"), (leave, "exit_price"))
        ]
        flow = -pl.col("side") * pl.col("units") * pl.col("price") * pl.col("multiplier")
        value = pl.col("units") * pl.col("price") * pl.col("multiplier")
        return (
            rows.group_by("signal", maintain_order=True)
            .agg(
                pl.col("ticker").first(),
                pl.col("side").first(),
                pl.col("units").filter(entry).sum().alias("qty"),
                pl.col("ts").first().alias("entered_at"),
                pl.col("ts").last().alias("left_at"),
                *mean,
                (flow.sum() - pl.col("fee").sum() - pl.col("funding").sum()).alias("pnl"),
                pl.col("fee").sum().alias("fees"),
                pl.col("funding").sum(),
                value.filter(entry).sum().alias("value"),
                pl.len().alias("n_fills"),
                pl.col("reason").last(),
                pl.col("qty_after").last(),
                pl.col("at").last(),
            )
            .filter(pl.col("qty_after") == 0)
            .sort("at")
            .with_columns((pl.col("pnl") / pl.col("value")).alias("ret_frac"))
            .drop("qty_after", "at", "value")
        )

    @cached_property
    def trade_pnl(self) -> Floats:
        """Return the result of each trade that has ended, in the order of its end; as `trades`, without a frame."""
        records = self.records
        ends = np.flatnonzero((records[:, kernel.KIND] == kernel.EXITED) & (records[:, kernel.QTY_AFTER] == 0))
        realised, of_ticker = records[ends, kernel.REALISED_AFTER], records[ends, kernel.TICKER]
        results = np.empty(ends.size)
        for ticker in range(len(self.tape.tickers)):
            own = of_ticker == ticker
            results[own] = np.diff(realised[own], prepend=0.0)
        return results

    @cached_property
    def refused(self) -> pl.DataFrame:
        """Return ``signal, reason`` of the signals that a limit refused."""
        refused = self.records[self.records[:, kernel.KIND] == kernel.REJECTED]
        codes = pl.Series("reason", refused[:, kernel.REASON].astype(np.int64))
        return pl.DataFrame(
            [
                pl.Series("signal", refused[:, kernel.SIGNAL_ID].astype(np.int64)),
                codes.replace_strict(REASONS, return_dtype=pl.String),
            ]
        )

    @staticmethod
    def _side_of(records: Floats) -> npt.NDArray[np.int64]:
        """Return the side of the position of each fill: that of what is held after the first fill of its signal."""
        held = records[records[:, kernel.KIND] == kernel.ENTERED]
        _, first = np.unique(held[:, kernel.SIGNAL_ID], return_index=True)
        signals, sides = held[first, kernel.SIGNAL_ID], np.sign(held[first, kernel.QTY_AFTER])
        found: npt.NDArray[np.int64] = sides[np.searchsorted(signals, records[:, kernel.SIGNAL_ID])].astype(np.int64)
        return found


def backtest(tape: Tape, signals: pl.DataFrame, account: AccountParams) -> Backtest:
    """Run signals through one account over the bars: the session that live trading runs, step by step.

    Several tickers share the account's cash and limits. Entries fill at the ticker's next bar; `tsis.kernels.session`
    has the rules. What this counts is no trial: `tsis run` counts those of the chain.

    Parameters
    ----------
    tape : the bars, see `tsis.backtest.tape.tape`.
    signals : see `tsis.backtest.proposals.proposals`.

    Raises
    ------
    UsageError, DataError
        As `proposals`.
    """
    proposed = proposals(signals, tape)
    state = acc.new_state(account.start_equity, len(tape.tickers))
    equity = np.empty(tape.n_bars)
    records = fold(state, account.limits(), tape.instruments, tape.bars, proposed, equity)
    return Backtest(tape, account.start_equity, equity, records, state)
