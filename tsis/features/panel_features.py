"""Stage `panel_features`: where each ticker stands among those that close with it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pandera.polars import Column
from pydantic import Field, field_validator

from tsis.core.errors import DataError, ParamsError, UnknownNameError, some
from tsis.core.params import Params
from tsis.core.series import Series
from tsis.core.stage import stage
from tsis.core.table import spec
from tsis.features.universe import listed_bars, listings
from tsis.tables.processed_features.features import Features
from tsis.tables.processed_features.panel_features import PanelFeatures
from tsis.tables.reference.sessions import Sessions
from tsis.tables.reference.tickers_dim import TickersDim

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class PanelParams(Params):
    """The comparison within one universe.

    Parameters
    ----------
    min_tickers : a close with fewer values of a feature has none compared.
    min_coverage_frac : nor one where fewer than this part of the listed tickers have a value: of a universe that is
        there in part, a rank says something else.
    """

    min_tickers: int = Field(default=3, ge=2)
    min_coverage_frac: float = Field(default=0.5, ge=0.0, le=1.0)


def _default_series() -> dict[str, dict[str, PanelParams]]:
    return {"equity": {"time_1d": PanelParams()}}


class PanelFeaturesParams(Params):
    """Parameters of `panel_features`.

    Parameters
    ----------
    features : columns of the table `features` that are compared.
    series : asset class, then bar specification (of time bars, which close together), to its comparison.
    """

    features: tuple[str, ...] = ("log_return_5", "volatility_20", "volume_ratio_20")
    series: Series[PanelParams] = Field(default_factory=_default_series)

    @field_validator("features")
    @classmethod
    def _are_distinct(cls, features: tuple[str, ...]) -> tuple[str, ...]:
        twice = sorted({name for name in features if features.count(name) > 1})
        if twice:
            raise ValueError(f"{some(twice)} given twice")
        return features


def panel_columns(params: PanelFeaturesParams) -> dict[str, Column]:
    """Return the columns that widen the table: rank and z-score of each chosen feature."""
    texts = {
        "rank": ("frac", "Rank of {} among the tickers with this close, 0 lowest to 1 highest, ties at their mean"),
        "zscore": (
            "standard deviations",
            "{} less its mean over the tickers with this close, over their standard deviation (n - 1)",
        ),
    }
    return {
        f"{name}_{suffix}": Column(
            pl.Float64,
            nullable=True,
            description=f"{text.format(name)}; null where too few are compared",
            metadata={"unit": unit},
        )
        for name in params.features
        for suffix, (unit, text) in texts.items()
    }


@stage(reads=[Features, Sessions, TickersDim], writes=[PanelFeatures], by="whole")
def panel_features(
    features: pl.DataFrame, sessions: pl.DataFrame, tickers_dim: pl.DataFrame, params: PanelFeaturesParams
) -> pl.DataFrame:
    """Return rank and z-score of each chosen feature among the tickers of one asset class that close together.

    The universe of a close are the tickers that were listed for its session, as far as was known when that session
    opened, on the exchanges that have a bar with this close; those that were delisted later are in it. A listed ticker
    without a bar, as it was halted or its data lack, has no row and takes part in no rank: `n_listed` less `n_tickers`
    counts them, and where too few are left (`min_coverage_frac`) nothing is compared. A feature that is missing, as in
    its warm-up, is not compared either. Bars outside of sessions, or of tickers that were not listed, have no row.

    Raises
    ------
    UnknownNameError
        If a chosen feature is not a column of `features`.
    DataError
        If a ticker is not in tickers_dim.
    ParamsError
        If bars of a kind that does not close together are named.
    """
    for name in params.features:
        if name not in features.columns:
            raise UnknownNameError("feature", name, set(features.columns) - set(spec(Features).columns))
    wrong = sorted({name for chosen in params.series.values() for name in chosen if not name.startswith("time_")})
    if wrong:
        raise ParamsError(
            f"panel_features: bars of {some(wrong)} close at times of their own and can't be compared across tickers; "
            "name time bars in panel_features.series"
        )
    unknown = sorted(set(features["ticker"].unique()) - set(tickers_dim["ticker"].unique()))
    if unknown:
        raise DataError(
            f"panel_features: {len(unknown)} tickers are not in reference.tickers_dim ({some(unknown)}); ingest them"
        )
    schema = spec(PanelFeatures).polars_schema | dict.fromkeys(panel_columns(params), pl.Float64)
    frames = [pl.DataFrame(schema=schema)]
    for asset_class, chosen in sorted(params.series.items()):
        listed = listings(tickers_dim, asset_class)
        for bar_spec, panel in sorted(chosen.items()):
            bars = features.filter(pl.col("bar_spec") == bar_spec).select(*spec(Features).columns, *params.features)
            rows = listed_bars(bars, listed, sessions)
            frames.append(compared(rows, params.features, panel).select(*schema))
    return pl.concat(frames).sort(spec(PanelFeatures).key)


def compared(rows: pl.DataFrame, names: Sequence[str], params: PanelParams) -> pl.DataFrame:
    """Return `rows` with rank and z-score of each of the features `names`, null where it can't be compared.

    Parameters
    ----------
    rows : sorted by ts_close, with n_listed.
    """
    moments = rows["ts_close"].to_physical().to_numpy()
    n_listed = rows["n_listed"].to_numpy()
    made = {}
    for name in names:
        values = rows[name].to_numpy()
        is_there = np.isfinite(values)
        rank, score = np.full(values.size, np.nan), np.full(values.size, np.nan)
        rank[is_there], score[is_there] = _placed(moments[is_there], n_listed[is_there], values[is_there], params)
        made[f"{name}_rank"], made[f"{name}_zscore"] = rank, score
    return rows.with_columns(pl.Series(name, values, nan_to_null=True) for name, values in made.items())


def _placed(moments: Ints, n_listed: Ints, values: Floats, params: PanelParams) -> tuple[Floats, Floats]:
    """Return ranks and z-scores within the runs of equal `moments`."""
    if not values.size:
        return np.empty(0), np.empty(0)
    begins = np.flatnonzero(np.diff(moments, prepend=moments[0] - 1))
    sizes = np.diff(begins, append=values.size)
    group = np.repeat(np.arange(begins.size), sizes)
    n = sizes[group].astype(np.float64)
    is_enough = (n >= params.min_tickers) & (n >= params.min_coverage_frac * n_listed)
    rank = _mean_ranks(group, begins, values) / np.where(is_enough, n - 1.0, np.nan)
    # sums see the rows of their own group alone, in the order of tickers
    away = values - (np.add.reduceat(values, begins) / sizes)[group]
    deviation = np.sqrt(np.add.reduceat(away * away, begins)[group] / np.where(is_enough, n - 1.0, np.nan))
    is_flat = np.maximum.reduceat(values, begins) == np.minimum.reduceat(values, begins)
    return rank, away / np.where(is_flat[group], np.nan, deviation)


def _mean_ranks(group: Ints, begins: Ints, values: Floats) -> Floats:
    """Return for each row the rank of its value in its group from 0, equal values at the mean of their ranks."""
    order = np.lexsort((values, group))
    ordered, groups = values[order], group[order]
    is_start = np.ones(order.size, dtype=bool)
    is_start[1:] = (ordered[1:] != ordered[:-1]) | (groups[1:] != groups[:-1])
    starts = np.flatnonzero(is_start)
    lengths = np.diff(starts, append=order.size)
    middle = starts + 0.5 * (lengths - 1)
    out = np.empty(order.size)
    out[order] = np.repeat(middle, lengths) - begins[groups]
    return out
