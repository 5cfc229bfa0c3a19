"""Stage `futures_roll`: one continuous series from the contracts of a futures product."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tsis.core.errors import DataError, some
from tsis.core.params import Params
from tsis.core.stage import stage
from tsis.core.table import spec
from tsis.tables.processed_features.daily_cache import DailyCache
from tsis.tables.processed_features.futures_roll import FuturesRoll
from tsis.tables.reference.contracts_dim import ContractsDim
from tsis.tables.reference.tickers_dim import TickersDim

_SAME: Final = ("asset_class", "currency", "multiplier", "lot_size")
Row = tuple[int, int, int, float, float, int]  # session, contract, contract before, its gap twice, session compared


class FuturesRollParams(Params):
    """Parameters of `futures_roll`: none; volume alone decides."""


@stage(reads=[DailyCache, ContractsDim, TickersDim], writes=[FuturesRoll], by="product")
def futures_roll(
    daily_cache: pl.DataFrame,
    contracts_dim: pl.DataFrame,
    tickers_dim: pl.DataFrame,
    params: FuturesRollParams,  # noqa: ARG001
) -> pl.DataFrame:
    """Return for each product which contract is held from when on; none where contracts_dim is empty.

    See `roll_calendar`. A product that is in tickers_dim takes the place of its contracts in the chain
    (`information_bars`), so that one unit of it must be what one of each contract is.

    Raises
    ------
    DataError
        As `roll_calendar`, and if a product in tickers_dim differs from a contract in asset_class, currency, multiplier
        or lot_size, or one of its contracts has a split or a dividend.
    """
    listed = contracts_dim.join(tickers_dim, left_on="product", right_on="ticker", how="semi")
    _refuse_unlike(listed, tickers_dim)
    _refuse_adjusted(listed, daily_cache)
    daily = daily_cache.select("ticker", "date", "ts_close", close="close_d", volume="vol_d")
    return roll_calendar(daily, contracts_dim)


def roll_calendar(daily: pl.DataFrame, contracts: pl.DataFrame) -> pl.DataFrame:
    """Return the rolls of each product by volume, as rows of futures_roll.

    At the close of the first session on which a contract that expires later traded more than the one held, the later
    one follows; it is held from the next session on, and there is never a way back. Among several that traded more, the
    one with the most volume follows, of equals the first to expire, so that months without a market are passed over. A
    contract that expires on a session is given up at its close, whatever the volumes; a session on which it has no bar
    counts as volume 0. The first session decides which contract is held first, so that it is held from the second on.
    A contract without volume is never taken, and none on the session on which it expires. Where contracts close at
    different times of a date, each close decides on what is known by then.

    The gap is taken between the closes of one session, the one that decided or else the last before it on which both
    contracts have a bar: the move of the market overnight stays in the series (AFML 2.4.3 compares the open of the new
    with the close before of the old, which takes it out). Where they never closed on one session, the last close of the
    old stands for it. Gaps accumulate forward, so that later rolls change no row.

    Parameters
    ----------
    daily : ticker, date, ts_close, close, volume: one row a contract and session, prices as traded. Daily bars made
        from ticks (`session_time_bars`, ``time_1d``) serve as well.
    contracts : rows of reference.contracts_dim. Tickers of `daily` that are in none of them are left out.

    Returns
    -------
    rows sorted by (product, held_from); each is known at held_from.

    Raises
    ------
    DataError
        If a ticker is in two rows of `contracts`, two contracts of a product expire on one date, or a contract has two
        rows on a date.
    """
    _refuse_ambiguous(daily, contracts)
    frames = [spec(FuturesRoll).empty()]
    for (product,), of_product in contracts.sort("expires_on").partition_by("product", as_dict=True).items():
        tickers = of_product["ticker"].to_list()
        rows = daily.filter(pl.col("ticker").is_in(tickers))
        if rows.is_empty():
            continue
        sessions = rows.select("date", "ts_close").unique().sort("ts_close", "date")
        close, volume = _by_session(rows, sessions, tickers, "close"), _by_session(rows, sessions, tickers, "volume")
        is_expired = sessions["date"].to_numpy()[:, None] >= of_product["expires_on"].to_numpy()[None, :]
        rolls = _rolls(close, np.nan_to_num(volume), is_expired)
        frames.append(_frame(str(product), rolls, sessions, tickers, np.nan_to_num(volume)))
    return pl.concat(frames).sort(spec(FuturesRoll).key)


def _refuse_unlike(contracts: pl.DataFrame, tickers_dim: pl.DataFrame) -> None:
    latest = tickers_dim.sort("valid_from", "known_at").unique("ticker", keep="last").select("ticker", *_SAME)
    both = contracts.join(latest, on="ticker").join(latest, left_on="product", right_on="ticker", suffix="_of_product")
    for name in _SAME:
        unlike = both.filter(pl.col(name) != pl.col(f"{name}_of_product")).sort("ticker")
        if not unlike.is_empty():
            first = unlike.row(0, named=True)
            raise DataError(
                f"reference.tickers_dim: {name} of {unlike.height:,} contracts is not that of their product (first: "
                f"{first['ticker']} {first[name]}, {first['product']} {first[f'{name}_of_product']}); correct it, or "
                "give those contracts a product of their own"
            )


def _refuse_adjusted(contracts: pl.DataFrame, daily_cache: pl.DataFrame) -> None:
    adjusted = daily_cache.join(contracts, on="ticker", how="semi").filter(
        (pl.col("split_factor") != 1.0) | (pl.col("dividend_factor") != 1.0)
    )
    if not adjusted.is_empty():
        raise DataError(
            f"reference.corporate_actions: {some(adjusted['ticker'].unique().sort())} have splits or dividends and are "
            "contracts of a futures product; delete the actions"
        )


def _by_session(rows: pl.DataFrame, sessions: pl.DataFrame, tickers: list[str], name: str) -> NDArray[np.float64]:
    """Return what is known of each contract's session at each close: (closes, contracts), NaN without a bar."""
    dates = sessions["date"].to_numpy()
    place = {moment: i for i, moment in enumerate(sessions.iter_rows())}
    column = {ticker: j for j, ticker in enumerate(tickers)}
    grid = np.full((sessions.height, len(tickers)), np.nan)
    for day, ts_close, ticker, value in rows.select("date", "ts_close", "ticker", name).iter_rows():
        grid[place[day, ts_close], column[ticker]] = value
    for i in np.flatnonzero(dates[1:] == dates[:-1]) + 1:
        grid[i] = np.where(np.isnan(grid[i]), grid[i - 1], grid[i])
    return grid


def _rolls(close: NDArray[np.float64], volume: NDArray[np.float64], is_expired: NDArray[np.bool_]) -> list[Row]:
    found: list[Row] = []
    held, n_contracts = -1, close.shape[1]
    for day in range(close.shape[0]):
        later = np.arange(held + 1, n_contracts)
        offered = np.where(is_expired[day, later], 0.0, volume[day, later])
        if offered.size == 0 or offered.max() == 0.0:
            continue
        follower = int(later[offered.argmax()])
        if held == -1:
            found.append((day, follower, -1, 0.0, 1.0, -1))
        elif is_expired[day, held] or volume[day, follower] > volume[day, held]:
            both = np.flatnonzero(~np.isnan(close[: day + 1, held]) & ~np.isnan(close[: day + 1, follower]))
            last = int(both[-1]) if both.size else -1
            old_closes = close[: day + 1, held][~np.isnan(close[: day + 1, held])]
            old = close[last, held] if both.size else old_closes[-1]
            new = close[last if both.size else day, follower]
            found.append((day, follower, held, float(new - old), float(new / old), last))
        else:
            continue
        held = follower
    return found


def _frame(
    product: str, rolls: list[Row], sessions: pl.DataFrame, tickers: list[str], volume: NDArray[np.float64]
) -> pl.DataFrame:
    day, held, before, gap, ratio, compared = (list(part) for part in zip(*rolls, strict=True)) if rolls else ([],) * 6
    schema = spec(FuturesRoll).polars_schema
    dates, closes = sessions["date"], sessions["ts_close"]
    return pl.DataFrame(
        {
            "product": [product] * len(day),
            "held_from": closes[day].to_list(),
            "decided_on": dates[day].to_list(),
            "ticker": [tickers[j] for j in held],
            "previous": [None if j == -1 else tickers[j] for j in before],
            "volume": volume[day, held].tolist(),
            "previous_volume": [None if j == -1 else volume[i, j] for i, j in zip(day, before, strict=True)],
            "compared_on": [None if i == -1 else dates[i] for i in compared],
            "gap_quote": gap,
            "gap_ratio": ratio,
            "cum_gap_quote": np.add.accumulate(np.array(gap)),
            "cum_gap_ratio": np.multiply.accumulate(np.array(ratio)),
        },
        schema=schema,
    )


def _refuse_ambiguous(daily: pl.DataFrame, contracts: pl.DataFrame) -> None:
    twice = contracts.filter(pl.col("ticker").is_duplicated())["ticker"].unique().sort()
    if len(twice):
        raise DataError(f"reference.contracts_dim: {some(twice)} in several rows; keep the latest of each contract")
    same = contracts.filter(pl.struct("product", "expires_on").is_duplicated()).sort("product", "expires_on", "ticker")
    if not same.is_empty():
        raise DataError(
            f"reference.contracts_dim: {same.height:,} contracts expire on the date of another of their product "
            f"(first: {same['product'][0]} {same['expires_on'][0]}); give weeklies a product of their own"
        )
    bars = daily.filter(pl.struct("ticker", "date").is_duplicated()).sort("ticker", "date")
    if not bars.is_empty():
        raise DataError(
            f"daily bars: {bars.height:,} share ticker and date with another (first: {bars['ticker'][0]} "
            f"{bars['date'][0]}); keep one source a contract and date"
        )
