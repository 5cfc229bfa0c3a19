"""Bars of one or several instruments, checked, in the order of their close: what a backtest runs over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from tsis.backtest.costs import INSTRUMENT, MarketParams
from tsis.backtest.fold import BarArrays
from tsis.core.errors import DataError, UsageError, some

_DAY_US = 86_400_000_000
_PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True)
class Instrument:
    """What is traded, and what trading it costs.

    Parameters
    ----------
    multiplier : value of one price point of one unit, in the quote currency.
    lot_size, tick_size : smallest quantity, and smallest step of the price as traded.
    """

    market: MarketParams
    multiplier: float = 1.0
    lot_size: float = 1.0
    tick_size: float = 0.01


@dataclass(frozen=True)
class Tape:
    """Bars as arrays; see `tape`.

    Parameters
    ----------
    tickers : in the order of the kernel's instruments.
    instruments : the kernel's `instruments`.
    bars : all bars in the order of their close.
    rows : by ticker, the rows of its bars.
    """

    tickers: tuple[str, ...]
    instruments: npt.NDArray[np.float64]
    bars: BarArrays
    rows: Mapping[str, npt.NDArray[np.int64]]

    @property
    def n_bars(self) -> int:
        """Return the number of bars."""
        return int(self.bars.open_.shape[0])


def tape(bars: pl.DataFrame, instruments: Mapping[str, Instrument]) -> Tape:
    """Check bars and put those of all tickers in the order of their close.

    Parameters
    ----------
    bars : ticker, ts_open, ts_close (UTC, microseconds), open, high, low, close, and, where there are, volume and
        price_factor (forward adjustment; 1 where it is not given). Those of a ticker in the order of ts_close.
    instruments : by ticker; those without a bar do no harm.

    Raises
    ------
    UsageError
        If a column is missing, or a ticker is no instrument.
    DataError
        If bars are unsorted, a price or a volume is missing or impossible, or fills depend on a volume that bars lack.
    """
    missing = [name for name in ("ticker", "ts_open", "ts_close", *_PRICES) if name not in bars.columns]
    if missing:
        raise UsageError(f"backtest: the bars have no column {some(missing)}")
    tickers = tuple(sorted(bars["ticker"].unique().to_list()))
    unknown = [name for name in tickers if name not in instruments]
    if unknown:
        raise UsageError(f"backtest: {some(unknown)} not in `instruments`; say what trading them costs")
    if "volume" not in bars.columns:
        in_need = [name for name in tickers if instruments[name].market.needs_volume]
        if in_need:
            raise DataError(f"backtest: the bars have no volume, and fills of {some(in_need)} depend on it")
    _require_sound(bars)
    if len(tickers) > 1:
        bars = bars.sort("ts_close", "ticker", maintain_order=True)
    return _arrays(bars, tickers, instruments)


def _arrays(bars: pl.DataFrame, tickers: tuple[str, ...], instruments: Mapping[str, Instrument]) -> Tape:
    costs = [
        list(known.market.row(known.multiplier, known.lot_size, known.tick_size).values())
        for known in (instruments[name] for name in tickers)
    ]
    ts_open, ts_close = (bars[name].to_physical().to_numpy() for name in ("ts_open", "ts_close"))
    number = np.zeros(1, dtype=np.int64)
    rows = {name: np.arange(bars.height) for name in tickers}
    if len(tickers) > 1:
        number = bars["ticker"].replace_strict(tickers, range(len(tickers)), return_dtype=pl.Int64).to_numpy()
        rows = {name: np.flatnonzero(number == at) for at, name in enumerate(tickers)}
    prices = {name: bars[name].cast(pl.Float64).to_numpy() for name in _PRICES}
    optional = {
        name: bars[name].cast(pl.Float64).to_numpy() if name in bars.columns else np.ones(1)
        for name in ("volume", "price_factor")
    }
    arrays = BarArrays(
        ticker=number,
        day=(ts_close - 1) // _DAY_US,
        ts_open=ts_open,
        ts_close=ts_close,
        open_=prices["open"],
        high=prices["high"],
        low=prices["low"],
        close=prices["close"],
        volume=optional["volume"],
        factor=optional["price_factor"],
    )
    return Tape(tickers, np.array(costs).reshape(len(tickers), len(INSTRUMENT)), arrays, rows)


def _require_sound(bars: pl.DataFrame) -> None:
    falls = pl.col("ts_close").diff().over("ticker") < pl.duration(microseconds=0)
    if bars["ticker"].n_unique() == 1:
        falls = pl.col("ts_close").diff() < pl.duration(microseconds=0)
    _refuse(bars, falls, "close before the bar before them; sort the bars by ts_close")
    _refuse(bars, pl.col("ts_open") > pl.col("ts_close"), "close before they open")
    low, high = pl.col("low").cast(pl.Float64), pl.col("high").cast(pl.Float64)
    is_sound = pl.all_horizontal(
        low > 0,
        high < float("inf"),
        *(pl.col(name).cast(pl.Float64).is_between(low, high) for name in ("open", "close")),
    )
    text = "have a price that is missing, not above 0, or outside low and high"
    _refuse(bars, ~is_sound.fill_null(value=False), text)
    for name, is_right in (("volume", pl.col("volume") >= 0), ("price_factor", pl.col("price_factor") > 0)):
        if name in bars.columns:
            text = f"have a {name} that is missing or {'negative' if name == 'volume' else 'not above 0'}"
            _refuse(bars, ~(is_right & pl.col(name).is_finite()).fill_null(value=False), text)


def _refuse(bars: pl.DataFrame, is_wrong: pl.Expr, words: str) -> None:
    wrong = bars.select(is_wrong.fill_null(value=False)).to_series()
    n_wrong = int(wrong.sum())
    if n_wrong:
        first = bars.row(int(wrong.arg_max() or 0), named=True)
        raise DataError(
            f"backtest: {n_wrong:,} of {bars.height:,} bars {words} (first: {first['ticker']} at {first['ts_close']})"
        )
