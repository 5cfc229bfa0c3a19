"""Make eurusd_1h.parquet from the wheel of gym-anytrading 2.0.0: ``python make_eurusd_1h.py WHEEL``.

The file names no time zone. It is UTC: the week begins at 22:00 in winter and 21:00 in summer, and changes on 12 March
and 5 November 2017, the days on which New York changes its clocks, where the currency week begins at 17:00.
"""

from __future__ import annotations

import io

import polars as pl
from wheel import member, write

bars = pl.read_csv(io.BytesIO(member("gym_anytrading/datasets/data/FOREX_EURUSD_1H_ASK.csv"))).select(
    ts=pl.col("Time").str.to_datetime("%d.%m.%Y %H:%M:%S%.f", time_unit="us").dt.replace_time_zone("UTC"),
    open=pl.col("Open"),
    high=pl.col("High"),
    low=pl.col("Low"),
    close=pl.col("Close"),
    volume=pl.col("Volume"),
)
write(
    bars.to_arrow(),
    "eurusd_1h.parquet",
    dictionary=["open", "high", "low", "close"],
    encoding={"ts": "DELTA_BINARY_PACKED"},
)
