"""Stage `daily_cache`: one row a ticker and session, with scores and adjustment factors."""

from __future__ import annotations

from typing import Final

import polars as pl
from pydantic import Field

from tsis.bars.adjustment import forward_factors
from tsis.core.errors import DataError, some
from tsis.core.float_shares import with_float_shares
from tsis.core.instrument import instrument
from tsis.core.params import Params
from tsis.core.stage import stage
from tsis.core.table import spec
from tsis.kernels.mean_before import mean_before
from tsis.tables.processed_features.daily_cache import DailyCache
from tsis.tables.raw.ohlcv_daily import OhlcvDaily
from tsis.tables.reference.corporate_actions import CorporateActions
from tsis.tables.reference.tickers_dim import TickersDim

_LOOKBACK: Final = 30  # sessions; the name of rvol30 says so


class DailyCacheParams(Params):
    """Parameters of `daily_cache`.

    Parameters
    ----------
    pctchg_frac, rvol, dollar_vol_ratio, float_rotation, gap_frac : a day scores one point for each that it reaches.
    """

    pctchg_frac: float = Field(default=0.10, gt=0)
    rvol: float = Field(default=2.0, gt=0)
    dollar_vol_ratio: float = Field(default=10.0, gt=0)
    float_rotation: float = Field(default=0.5, gt=0)
    gap_frac: float = Field(default=0.05, gt=0)


@stage(reads=[OhlcvDaily, CorporateActions, TickersDim], writes=[DailyCache], by="ticker")
def daily_cache(
    ohlcv_daily: pl.DataFrame, corporate_actions: pl.DataFrame, tickers_dim: pl.DataFrame, params: DailyCacheParams
) -> pl.DataFrame:
    """Return how each session was, against the sessions before it alone, and the forward-accumulating factors.

    The date of a bar is the UTC date of its middle, which is the session's for every exchange. float_rotation is null
    before the first tickers_dim row that holds and is known, and where that has no float.

    Raises
    ------
    DataError
        If two bars of a ticker fall on one date, the ticker is not in tickers_dim, or a corporate action is wrong.
    """
    frames = [
        _of_ticker(
            ticker,
            bars,
            corporate_actions.filter(pl.col("ticker") == ticker),
            tickers_dim.filter(pl.col("ticker") == ticker),
            params,
        )
        for (ticker,), bars in ohlcv_daily.sort("ticker", "ts").partition_by("ticker", as_dict=True).items()
    ]
    return pl.concat([spec(DailyCache).empty(), *frames]).sort("ticker", "date")


def _of_ticker(
    ticker: str, bars: pl.DataFrame, actions: pl.DataFrame, facts: pl.DataFrame, params: DailyCacheParams
) -> pl.DataFrame:
    multiplier = instrument(facts, ticker).multiplier
    days = bars.with_columns(date=(pl.col("ts") + (pl.col("ts_close") - pl.col("ts")) / 2).dt.date())
    _refuse_two_bars_a_day(ticker, days)
    splits, growth = forward_factors(days["date"].to_numpy(), days["close"].to_numpy(), actions, ticker)
    days = days.with_columns(split_factor=splits, dividend_factor=growth)
    days = with_float_shares(days, facts, "date", "ts_close")
    split, before = pl.col("split_factor"), (pl.col("close") * pl.col("split_factor")).shift(1)
    volume_before = mean_before((days["volume"] / days["split_factor"]).to_numpy(writable=True), _LOOKBACK)
    measured = days.with_columns(
        pctchg_d=pl.col("close") * split / before - 1.0,
        dollar_vol_d=pl.col("close") * pl.col("volume") * multiplier,
        volume_before=pl.Series(volume_before).fill_nan(None),
        gap_frac=pl.col("open") * split / before - 1.0,
        float_rotation=pl.when(pl.col("float_shares") > 0).then(pl.col("volume") / pl.col("float_shares")),
        intraday_volatility=(pl.col("high") - pl.col("low")) / pl.col("open"),
    ).with_columns(
        rvol30=pl.when(pl.col("volume_before") > 0).then(pl.col("volume") / split / pl.col("volume_before")),
        dollar_vol_usual=pl.col("dollar_vol_d").rolling_median(_LOOKBACK).shift(1),
    )
    reached = [
        pl.col("pctchg_d").abs() >= params.pctchg_frac,
        pl.col("rvol30") >= params.rvol,
        (pl.col("dollar_vol_usual") > 0)
        & (pl.col("dollar_vol_d") >= params.dollar_vol_ratio * pl.col("dollar_vol_usual")),
        pl.col("float_rotation") >= params.float_rotation,
        pl.col("gap_frac").abs() >= params.gap_frac,
    ]
    return measured.with_columns(
        info_score=pl.sum_horizontal(rule.fill_null(value=False).cast(pl.Int64) for rule in reached)
    ).select(
        "ticker",
        "date",
        "ts_close",
        pl.col("open").alias("open_d"),
        pl.col("high").alias("high_d"),
        pl.col("low").alias("low_d"),
        pl.col("close").alias("close_d"),
        pl.col("volume").alias("vol_d"),
        *spec(DailyCache).polars_schema.names()[8:],
    )


def _refuse_two_bars_a_day(ticker: str, days: pl.DataFrame) -> None:
    by_date = days.group_by("date").agg(pl.len().alias("bars"), pl.col("source").unique().sort())
    twice = by_date.filter(pl.col("bars") > 1)
    if twice.is_empty():
        return
    first = twice.sort("date").row(0, named=True)
    raise DataError(
        f"raw.ohlcv_daily: {ticker} has two bars on {twice.height:,} dates (first: {first['date']}, from "
        f"{some(first['source'])}); keep one source a ticker and date: delete the other's rows"
    )
