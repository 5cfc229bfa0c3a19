"""The bars of one series as the streams that the feature engine reads."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from tsis.core.feature import Array
from tsis.core.float_shares import with_float_shares
from tsis.core.stream import N_GIVEN, NAMES

_AFTER_HOURS: Final = pl.duration(hours=4)
"""So long after a close a bar still belongs to that session; later ones come before the next."""


def given_streams(bars: pl.DataFrame, sessions: pl.DataFrame, facts: pl.DataFrame) -> Array:
    """Return (`N_GIVEN`, n) the given streams of `tsis.core.stream`, NaN where a series has none.

    A bar belongs to the session in which it closes; up to four hours after a close to that session; else to the next.
    float_shares is that of the day of the bar's close, as far as it was known then.

    Parameters
    ----------
    bars : rows of information_bars of one series, in order of (ts_close, seq).
    sessions : rows of reference.sessions of the ticker (`ticker_sessions`).
    facts : rows of reference.tickers_dim of the ticker.
    """
    dated = _with_session(bars, sessions).with_columns(_day=pl.col("ts_close").dt.date()).collect()
    known = with_float_shares(dated, facts, "_day", "ts_close")
    streams = np.full((N_GIVEN, bars.height), np.nan)
    given = [(place, name) for place, name in enumerate(NAMES[:N_GIVEN]) if name in known.columns]
    numbers = known.select(pl.col(name).to_physical().cast(pl.Float64).fill_null(float("nan")) for _, name in given)
    streams[[place for place, _ in given]] = numbers.to_numpy().T
    return streams


def _with_session(bars: pl.DataFrame, sessions: pl.DataFrame) -> pl.LazyFrame:
    names = ["session", "session_open", "session_close", "is_half_day"]
    listed = (
        sessions.lazy()
        .select("session", "is_half_day", session_open="open", session_close="close")
        .sort("session_close")
    )
    ended, coming = (
        bars.lazy()
        .select("ts_close")
        .join_asof(listed, left_on="ts_close", right_on="session_close", strategy=strategy, check_sortedness=False)
        for strategy in ("backward", "forward")
    )
    following = coming.select(pl.col(name).alias(f"next_{name}") for name in names)
    both = pl.concat([ended, following], how="horizontal")
    is_over = pl.col("ts_close") <= pl.col("session_close") + _AFTER_HOURS
    has_begun = pl.col("next_session_open") < pl.col("ts_close")
    is_ended = is_over.fill_null(value=False) & ~has_begun.fill_null(value=False)
    chosen = both.select(pl.when(is_ended).then(name).otherwise(f"next_{name}").alias(name) for name in names)
    return pl.concat([bars.lazy(), chosen], how="horizontal")
