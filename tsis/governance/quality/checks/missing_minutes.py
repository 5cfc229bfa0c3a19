"""Minutes of a session without a bar, beyond what is usual for the ticker."""

from __future__ import annotations

import polars as pl

from tsis.governance.quality.check import Candidate, Check, Limits
from tsis.governance.quality.series import SESSIONS, TICKERS, in_sessions, ticker_sessions

_N_USUAL = 5


def _measure(candidate: Candidate) -> pl.LazyFrame:
    is_minute = pl.col("bar_spec") == "time_1m" if "bar_spec" in candidate.table.polars_schema else pl.lit(value=True)
    minutes = candidate.rows.filter(is_minute).select("ticker", at=pl.col("ts_close") - pl.duration(microseconds=1))
    due = ticker_sessions(candidate.beside[SESSIONS], candidate.beside[TICKERS])
    span = minutes.group_by("ticker").agg(first=pl.col("at").min(), last=pl.col("at").max())
    n_due = (pl.col("close").first() - pl.col("open").first()).dt.total_minutes()
    return (
        in_sessions(minutes, due)
        .group_by("ticker", "session")
        .agg(
            empty=1 - pl.col("at").dt.truncate("1m").n_unique() / n_due,
            open=pl.col("open").first(),
            close=pl.col("close").first(),
        )
        .join(span, on="ticker")
        # of the first and the last session only a part may have been delivered
        .filter(
            pl.col("first") < pl.col("open").dt.offset_by("1h"), pl.col("last") >= pl.col("close").dt.offset_by("-1h")
        )
        .with_columns(
            usual=pl.when(pl.len().over("ticker") >= _N_USUAL)
            .then(pl.col("empty").median().over("ticker"))
            .otherwise(0)
        )
        .select("ticker", at="session", value=pl.col("empty") - pl.col("usual"))
    )


missing_minutes = Check(
    name="missing_minutes",
    description="Share of a session's minutes without a bar, less the ticker's median share where it has five "
    "sessions.",
    unit="frac",
    judges=lambda table: table.name in ("raw.ohlcv_1m", "processed_features.information_bars"),
    measure=_measure,
    reads=(SESSIONS, TICKERS),
    warning=Limits(
        "a gap of 20 minutes in a US session; trading halts on part-holidays explain more, a quiet ticker has few "
        "minutes on all days",
        at_most=0.05,
    ),
)
