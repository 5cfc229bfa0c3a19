"""Returns of a universe between its common closes, session by session."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tsis.core.errors import DataError, ParamsError, some
from tsis.core.params import Params

P = TypeVar("P", bound=Params)


def universes(
    bars: pl.DataFrame, tickers_dim: pl.DataFrame, series: Mapping[str, Mapping[str, P]], stage: str
) -> Iterator[tuple[pl.DataFrame, P]]:
    """Yield the bars of each asset class that `series` names, with the column `exchange`, and its parameters.

    Parameters
    ----------
    bars : rows of information_bars.
    series : asset class, then bar specification, to parameters.
    stage : who asks, for the errors.

    Raises
    ------
    DataError
        If a ticker of `bars` is not in tickers_dim.
    ParamsError
        If a bar specification is not of time bars, which alone close together.
    """
    require_time_bars((name for chosen in series.values() for name in chosen), stage)
    named = _listed(bars, tickers_dim)
    unknown = named.filter(pl.col("asset_class").is_null())["ticker"].unique().sort().to_list()
    if unknown:
        raise DataError(
            f"{stage}: {len(unknown)} tickers are not in reference.tickers_dim ({some(unknown)}); ingest them"
        )
    for asset_class, chosen in sorted(series.items()):
        for bar_spec, params in sorted(chosen.items()):
            yield named.filter((pl.col("asset_class") == asset_class) & (pl.col("bar_spec") == bar_spec)), params


def _listed(bars: pl.DataFrame, tickers_dim: pl.DataFrame) -> pl.DataFrame:
    """Return `bars` with asset_class, and the exchange where the ticker was listed then; at first, the first one."""
    facts = tickers_dim.sort("valid_from", "known_at").unique(["ticker", "valid_from"], keep="last")
    listings = facts.select("ticker", "valid_from", "exchange").sort("valid_from")
    first = listings.unique("ticker", keep="first", maintain_order=True).select("ticker", _first="exchange")
    return (
        bars.join(facts.select("ticker", "asset_class").unique(), on="ticker", how="left", maintain_order="left")
        .join(first, on="ticker", how="left", maintain_order="left")
        .with_columns(pl.col("ts_close").dt.date().alias("_date"))
        .sort("_date", maintain_order=True)
        .join_asof(listings, left_on="_date", right_on="valid_from", by="ticker", check_sortedness=False)
        .with_columns(pl.coalesce("exchange", "_first").alias("exchange"))
        .drop("_first", "_date", "valid_from", strict=False)
    )


def require_time_bars(bar_specs: Iterable[str], stage: str) -> None:
    """Refuse bars that do not close at times common to all tickers.

    Raises
    ------
    ParamsError
        With their names.
    """
    wrong = sorted({name for name in bar_specs if not name.startswith("time_")})
    if wrong:
        raise ParamsError(
            f"{stage}: bars of {some(wrong)} close at times of their own and can't be compared across tickers; "
            f"name time bars in {stage}.series"
        )


def forward_returns(bars: pl.DataFrame, n_bars: int) -> pl.DataFrame:
    """Return ticker, bar_spec, t0, seq, t1, ret_frac: the return of every bar to the close `n_bars` closes later.

    Parameters
    ----------
    bars : exchange, ticker, bar_spec, ts_close, seq, close of the time bars of one universe, in any order.
    n_bars : counted in the closes of the exchange. A ticker without a bar at either close, since it was not yet listed,
        no longer, or halted, has no row; it is not compared. Ordered by (t0, t1, ticker).
    """
    closes = bars.select("exchange", "ts_close").unique().sort("exchange", "ts_close")
    later = closes.with_columns(pl.col("ts_close").shift(-n_bars).over("exchange").alias("t1")).drop_nulls()
    ends = bars.select("ticker", pl.col("ts_close").alias("t1"), pl.col("close").alias("_last"))
    return (
        bars.select("exchange", "ticker", "bar_spec", "ts_close", "seq", "close")
        .join(later, on=["exchange", "ts_close"])
        .join(ends, on=["ticker", "t1"])
        .select(
            "ticker",
            "bar_spec",
            pl.col("ts_close").alias("t0"),
            "seq",
            "t1",
            (pl.col("_last") / pl.col("close") - 1.0).alias("ret_frac"),
        )
        .sort("t0", "t1", "ticker")
    )


def groups(rows: pl.DataFrame) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return for each row its group, from 0, and for each group its first row.

    A group is compared: its windows begin and end together, as those of exchanges with one calendar do.

    Parameters
    ----------
    rows : sorted by (t0, t1).
    """
    t0, t1 = (rows[name].to_physical().to_numpy() for name in ("t0", "t1"))
    is_first = np.ones(t0.size, dtype=bool)
    is_first[1:] = (t0[1:] != t0[:-1]) | (t1[1:] != t1[:-1])
    return np.cumsum(is_first) - 1, np.flatnonzero(is_first)


def ranks(group: NDArray[np.int64], first: NDArray[np.int64], values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return for each row the number of rows of its group with a smaller value."""
    order = np.lexsort((values, group))
    ordered = values[order]
    begins = np.ones(order.size, dtype=bool)
    begins[1:] = (ordered[1:] != ordered[:-1]) | (group[1:] != group[:-1])
    # equal values share the place of the first of them
    place = np.maximum.accumulate(np.where(begins, np.arange(order.size), 0)) - first[group]
    out = np.empty(order.size, dtype=np.int64)
    out[order] = place
    return out
