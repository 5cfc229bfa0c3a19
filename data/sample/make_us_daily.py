"""Make us_daily.parquet and us_corporate_actions.parquet: ``python make_us_daily.py WHEEL`` (bokeh_sampledata 2026.1).

The actions follow from the factor ``adj_close / close``. From one day to the next it is constant to 1e-13 (the noise
of the division) unless an action is in force from that day, and then it jumps by at least 1e-3:

- a split of p new for q old shares multiplies it by p/q;
- a dividend D multiplies it by ``1 + D / close`` with the close of the ex-date: the convention of Quandl WIKI, under
  which every amount comes out in whole cents as it was declared (AAPL 2.65, MSFT's 3.08 of 2004-11-15).

A jump of more than 25 % that is p/q with p, q ≤ 10 to 1e-9 is a split, every other jump a dividend, whose amount must
be a whole number of tenths of a cent to 1e-6, else the script stops: it does not guess.
"""

from __future__ import annotations

import gzip
import io
import sys
from fractions import Fraction

import polars as pl
from wheel import member, write

NOISE = 1e-9

daily = pl.read_csv(
    io.BytesIO(gzip.decompress(member("bokeh_sampledata/_data/stocks.csv.gz"))), infer_schema=False
).select(
    ticker="Ticker",
    date=pl.col("Date").str.to_date("%Y-%m-%d"),
    open=pl.col("Open").cast(pl.Float64),
    high=pl.col("High").cast(pl.Float64),
    low=pl.col("Low").cast(pl.Float64),
    close=pl.col("Close").cast(pl.Float64),
    volume=pl.col("Volume").cast(pl.Int64),
    adj_close=pl.col("Adj Close").cast(pl.Float64),
)
factor = pl.col("adj_close") / pl.col("close")
jumps = daily.with_columns(jump=factor / factor.shift(1).over("ticker")).filter((pl.col("jump") - 1).abs() > NOISE)

actions = []
for row in jumps.sort("ticker", "date").iter_rows(named=True):
    jump = row["jump"]
    share = Fraction(jump).limit_denominator(10)
    if abs(jump - 1) > 0.25 and share.numerator <= 10 and abs(jump / float(share) - 1) < NOISE:
        actions.append((row["ticker"], row["date"], "split", float(share), None))
        continue
    amount = row["close"] * (jump - 1)
    if amount <= 0 or abs(amount - round(amount, 3)) > 1e-6:
        sys.exit(f"{row['ticker']} {row['date']}: factor {jump} is neither a split nor a dividend")
    actions.append((row["ticker"], row["date"], "dividend", None, round(amount, 3)))

write(
    daily.to_arrow(),
    "us_daily.parquet",
    dictionary=["ticker", "open", "high", "low", "close"],
    encoding={"date": "DELTA_BINARY_PACKED", "volume": "DELTA_BINARY_PACKED"},
)
schema = {"ticker": pl.String, "ex_date": pl.Date, "kind": pl.String, "ratio": pl.Float64, "amount": pl.Float64}
write(
    pl.DataFrame(actions, schema=schema, orient="row").to_arrow(),
    "us_corporate_actions.parquet",
    dictionary=["ticker", "kind"],
    encoding={},
)
