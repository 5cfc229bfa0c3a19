"""How far a live session has come, ticker by ticker, and all that its kernels remember."""

from __future__ import annotations

import polars as pl

from tsis.core.table import Table, Timestamp, column


class LiveCheckpoints(Table, key=("ticker",), time="known_until"):
    """How far a live session has come, ticker by ticker, and all that its kernels remember.

    It is committed in one snapshot with the rows that the session made by then, so that a session that is killed goes
    on from a state that fits its rows.
    """

    ticker: str = column("symbol", "Exchange symbol, as traded at the row's time")
    known_until: Timestamp = column("UTC", "Raw rows known by then have been stepped over")
    identity: str = column("sha256", "Of the stages' code, their parameters, and the tables without a time")
    inputs: str = column("JSON", "Version of each raw table that was read, and a digest of the adjustment factors")
    state: pl.Binary = column("npz", "The states of the bar and feature stages, float64 arrays by stage and name")
