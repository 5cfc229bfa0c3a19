"""Make es_dollar_bars.parquet from the wheel of mlfinpy 0.1.2: ``python make_es_dollar_bars.py WHEEL``.

The file's times are UTC, unlike those of the trades next to it: the week begins at 23:00 on Sunday, the last bar of a
Friday is before 21:15, and most bars are at 14:30 to 21:00, all of which is Chicago's clock plus six hours.
"""

from __future__ import annotations

import io

import polars as pl
from wheel import member, write

bars = pl.read_csv(io.BytesIO(member("mlfinpy/dataset/data/dollar_bar_sample.csv"))).select(
    ts=pl.col("date_time").str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us").dt.replace_time_zone("UTC"),
    open=pl.col("open").cast(pl.Float64),
    high=pl.col("high").cast(pl.Float64),
    low=pl.col("low").cast(pl.Float64),
    close=pl.col("close").cast(pl.Float64),
    cum_vol=pl.col("cum_vol").cast(pl.Int64),
    cum_dollar=pl.col("cum_dollar").cast(pl.Float64),
    cum_ticks=pl.col("cum_ticks").cast(pl.Int64),
)
write(bars.to_arrow(), "es_dollar_bars.parquet", dictionary=[], encoding={"ts": "DELTA_BINARY_PACKED"})
