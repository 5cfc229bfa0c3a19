"""Make es_trades.parquet from the wheel of mlfinpy 0.1.2: ``python make_es_trades.py WHEEL``.

The file's times are America/Chicago: trading begins at 17:00 and its volume jumps at 08:30.
"""

from __future__ import annotations

import io

import polars as pl
from wheel import member, write

trades = pl.read_csv(io.BytesIO(member("mlfinpy/dataset/data/tick_data.csv"))).select(
    ts=pl.col("DateTime")
    .str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us")
    .dt.replace_time_zone("America/Chicago")
    .dt.convert_time_zone("UTC"),
    price=pl.col("Price").cast(pl.Float64),
    size=pl.col("Volume").cast(pl.Int32),
)
write(
    trades.to_arrow(),
    "es_trades.parquet",
    dictionary=["size"],
    encoding={"ts": "DELTA_BINARY_PACKED", "price": "BYTE_STREAM_SPLIT"},
)
