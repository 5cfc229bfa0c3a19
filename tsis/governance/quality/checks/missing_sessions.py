"""Sessions of the exchange on which a ticker has no row at all."""

from __future__ import annotations

import polars as pl

from tsis.governance.quality.check import Candidate, Check, Limits
from tsis.governance.quality.series import BARS, DAILY, SESSIONS, TICKERS, in_sessions, shown, ticker_sessions


def _measure(candidate: Candidate) -> pl.LazyFrame:
    series = shown(candidate.table)
    due = ticker_sessions(candidate.beside[SESSIONS], candidate.beside[TICKERS])
    held = _held(candidate, series, due).with_columns(is_held=True)
    span = held.group_by(series).agg(first=pl.col("session").min(), last=pl.col("session").max())
    return (
        due.join(span, on="ticker")
        .filter(pl.col("session").is_between("first", "last"))
        .join(held, on=[*series, "session"], how="left")
        .sort(*series, "session")
        .with_columns(run=pl.col("is_held").is_not_null().cum_sum().over(series))
        .group_by(*series, "run")
        .agg(value=pl.col("is_held").is_null().sum(), at=pl.col("session").last())
        .group_by(series)
        .agg(pl.col("at", "value").sort_by("value", "run").last())
        .select(*series, "value", at=pl.when(pl.col("value") > 0).then("at"))
    )


def _held(candidate: Candidate, series: list[str], due: pl.LazyFrame) -> pl.LazyFrame:
    """Return the sessions in which a series has a row; of bars those by time: others need not close in each."""
    if "date" in candidate.table.polars_schema:
        return candidate.rows.select(*series, session="date").unique()
    known = str(candidate.table.known)
    rows = candidate.rows
    if "bar_spec" in series:
        rows = rows.filter(pl.col("bar_spec").str.starts_with("time_"))
    moment = pl.col(known) - pl.duration(microseconds=1 if known == "ts_close" else 0)
    # the first and the last moment of an hour find the sessions of all that lie between
    hours = rows.select(*series, at=moment).group_by(*series, pl.col("at").dt.truncate("1h").alias("hour"))
    moments = pl.concat([hours.agg(pl.col("at").min()), hours.agg(pl.col("at").max())]).select(*series, "at")
    return in_sessions(moments, due).select(*series, "session").unique()


missing_sessions = Check(
    name="missing_sessions",
    description="The longest run of sessions of its exchange without a row, from the first row of a series to its "
    "last; of information_bars those by time. At: the last session of that run.",
    unit="sessions",
    judges=lambda table: table.name in BARS | DAILY | {"raw.trades"},
    measure=_measure,
    reads=(SESSIONS, TICKERS),
    error=Limits("a hole of a month: part of a delivery is not there, or two companies had one symbol", at_most=20),
    warning=Limits("every session is due; a trading halt, or a holiday of one market, explains single ones", at_most=0),
)
