"""All bars of a futures product: those of the contract held, one contract after the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
import polars as pl

from tsis.bars.bar_params import InformationBarsParams
from tsis.bars.ticker_bars import Given, cut_time_bars, ticker_bars
from tsis.core.state import State

_HOLDS: Final = " holds "
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_PRICES: Final = ("open", "high", "low", "close", "vwap")


@dataclass(frozen=True)
class _Stretch:
    """A contract, from when until when (None: it is held still) and what its prices are divided by."""

    contract: str
    held_from: datetime
    held_until: datetime | None
    cum_gap_ratio: float


def product_bars(
    given: Given, rolls: pl.DataFrame, params: InformationBarsParams, after: State, until: datetime | None
) -> list[pl.DataFrame]:
    """Return the bars of one product, a frame a group, and leave the state after them in `after`.

    While a contract is held, these are the bars that it would have if its rows began then, in its own prices; then
    prices are divided by the ratios of the gaps so far, as price_factor says. At a roll all begin anew: a time bar that
    is open is cut and ends there, as the first after it begins there; any other open bar has not reached its threshold
    and is dropped, and so are a vendor's bars that were open then. Range and Renko bars count points of the contract.

    Parameters
    ----------
    given : of the product: its facts and sessions, and the raw rows of its contracts, held or not; no daily_cache.
    rolls : rows of futures_roll of the product that are not in `after` yet.
    params, after, until : as of `ticker_bars`. The state holds the contract held under ``product holds contract``.
    """
    product, frames = given.facts.ticker, []
    for stretch in _stretches(product, rolls, after):
        held, end = _held(given, stretch), stretch.held_until or until
        made = [] if end is None and held.is_empty() else ticker_bars(held, params, after, end)
        if stretch.held_until is not None:
            cut_time_bars(held, params, after, stretch.held_until)
            made += ticker_bars(_without_rows(held), params, after, stretch.held_until)
            for name in [name for name in after if name.split(" ")[0] == stretch.contract]:
                del after[name]
        frames += [_adjusted(bars, product, stretch) for bars in made]
    return frames


def held_before(state: State) -> dict[str, str]:
    """Return product to the contract that it holds, of a state of information_bars."""
    found = (name.partition(_HOLDS) for name in state if _HOLDS in name)
    return {product: contract for product, _, contract in found}


def _stretches(product: str, rolls: pl.DataFrame, after: State) -> Iterator[_Stretch]:
    """Yield the contract held before `rolls`, if there was one, then those of `rolls`; leave the last in `after`."""
    known = [_Stretch(*row) for row in _rows(rolls)]
    before = held_before(after).get(product)
    if before is not None:
        ratio, from_us = after.pop(f"{product}{_HOLDS}{before}")
        known.insert(0, _Stretch(before, _EPOCH + timedelta(microseconds=int(from_us)), None, float(ratio)))
    if not known:
        return
    last = known[-1]
    from_us = (last.held_from - _EPOCH) // timedelta(microseconds=1)
    after[f"{product}{_HOLDS}{last.contract}"] = np.array([last.cum_gap_ratio, float(from_us)])
    ends = [following.held_from for following in known[1:]]
    for stretch, held_until in zip(known, [*ends, None], strict=True):
        yield replace(stretch, held_until=held_until)


def _rows(rolls: pl.DataFrame) -> list[tuple[str, datetime, None, float]]:
    chosen = rolls.sort("held_from").select("ticker", "held_from", pl.lit(None).alias("until"), "cum_gap_ratio")
    return chosen.rows()


def _held(given: Given, stretch: _Stretch) -> Given:
    of_contract = pl.col("ticker") == stretch.contract

    def during(time: str) -> pl.Expr:
        is_after = pl.col(time) > stretch.held_from
        return of_contract & (
            is_after if stretch.held_until is None else is_after & (pl.col(time) <= stretch.held_until)
        )

    closed = during("ts_close") & (pl.col("ts") >= stretch.held_from)
    return replace(
        given,
        facts=replace(given.facts, ticker=stretch.contract),
        trades=given.trades.filter(during("ts")),
        quotes=given.quotes.filter(during("ts")),
        ohlcv_1m=given.ohlcv_1m.filter(closed),
        ohlcv_1h=given.ohlcv_1h.filter(closed),
        ohlcv_daily=given.ohlcv_daily.filter(closed),
    )


def _without_rows(given: Given) -> Given:
    names = ("trades", "quotes", "ohlcv_1m", "ohlcv_1h", "ohlcv_daily")
    return replace(given, **{name: getattr(given, name).clear() for name in names})


def _adjusted(bars: pl.DataFrame, product: str, stretch: _Stretch) -> pl.DataFrame:
    factor = 1.0 / stretch.cum_gap_ratio
    return bars.with_columns(
        pl.lit(product).alias("ticker"),
        # an interval of a time bar may have begun before the roll
        pl.max_horizontal("ts_open", pl.lit(stretch.held_from, pl.Datetime("us", "UTC"))).alias("ts_open"),
        pl.col(*_PRICES, "price_factor") * factor,
    )
