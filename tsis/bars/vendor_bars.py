"""Bars that a vendor already made."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from tsis.core.bar_spec import BarSpec
from tsis.core.errors import DataError, some
from tsis.core.table import spec
from tsis.tables.processed_features.information_bars import InformationBars


def vendor_bars(ohlcv: pl.DataFrame, raw_table: str, bar: BarSpec, multiplier: float) -> pl.DataFrame:
    """Return a vendor's bars of one ticker as rows of information_bars.

    Prices carry price_factor; volume is divided by split_factor alone. Where the vendor has no vwap, dollar_volume
    takes the close. What only trades tell (buys, sells, imbalance) is null.

    Parameters
    ----------
    ohlcv : rows of `raw_table` with split_factor and price_factor.

    Raises
    ------
    DataError
        If two sources report the same bar.
    """
    twice = (
        # a day ends with its midnight, as the pieces do in which a long series is given
        ohlcv.group_by("ts", (pl.col("ts_close") - timedelta(microseconds=1)).dt.date().alias("_day"))
        .agg(pl.len().alias("bars"), pl.col("source").unique().sort())
        .filter(pl.col("bars") > 1)
    )
    if not twice.is_empty():
        first = twice.sort("ts").row(0, named=True)
        raise DataError(
            f"{raw_table}: {ohlcv['ticker'][0]} has {twice.height:,} bars twice (first: {first['ts']}, from "
            f"{some(first['source'])}); keep one source a ticker and bar: delete the other's rows"
        )
    factor = pl.col("price_factor")
    schema = spec(InformationBars).polars_schema
    unknown = {name: pl.lit(None) for name in ("buy_volume", "sell_volume", "n_buys", "n_sells", "imbalance")}
    return ohlcv.select(
        "ticker",
        "ts_close",
        factor,
        pl.col("open", "high", "low", "close", "vwap") * factor,
        pl.col("volume") / pl.col("split_factor"),
        bar_spec=pl.lit(bar.name),
        ts_open=pl.col("ts"),
        seq=pl.lit(0),
        dollar_volume=pl.coalesce("vwap", "close") * pl.col("volume") * multiplier,
        n_ticks=pl.col("n_trades").fill_null(1),
        threshold=pl.lit(bar.threshold),
        raw_table=pl.lit(raw_table),
        raw_ts_first=pl.col("ts"),
        raw_seq_first=pl.lit(0),
        raw_ts_last=pl.col("ts"),
        raw_seq_last=pl.lit(0),
        **unknown,
    ).select(pl.col(name).cast(kind) for name, kind in schema.items())
