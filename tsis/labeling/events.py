"""Stage `events`: the moments at which a decision is considered."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import polars as pl
from pydantic import Field, SerializeAsAny, ValidationError, field_validator

from tsis.core.discovery import members
from tsis.core.errors import ContractError, UnknownNameError
from tsis.core.event_filter import AnyFilter, Array, Directions, EventFilter, FilterParams
from tsis.core.params import Params, wrong_fields
from tsis.core.series import Series, by_series
from tsis.core.stage import stage
from tsis.core.table import spec
from tsis.labeling.filters.cusum import CusumParams
from tsis.labeling.volatility import bar_volatility
from tsis.tables.labeling.events import Events
from tsis.tables.processed_features.information_bars import InformationBars
from tsis.tables.reference.tickers_dim import TickersDim


class SeriesEvents(Params):
    """How events of one series are found.

    Parameters
    ----------
    span : of the exponentially weighted volatility per bar, an event's target; no event before as many returns.
    min_target_frac : an event whose target does not exceed it is none, and has no label (AFML's minimum return).
    filters : what raises events; each has the `kind` of a filter below ``tsis.labeling.filters`` and its parameters.
        A bar on which several fire is one event, of the first of them.
    """

    span: int = Field(default=100, ge=2)
    min_target_frac: float = Field(default=0.0, ge=0)
    filters: tuple[SerializeAsAny[FilterParams], ...] = Field(min_length=1)

    @field_validator("filters", mode="before")
    @classmethod
    def _typed(cls, given: Any) -> Any:
        if not isinstance(given, list | tuple):
            return given
        return tuple(_params_of(item) if isinstance(item, Mapping) else item for item in given)


def _params_of(given: Mapping[str, Any]) -> FilterParams:
    filters = event_filters()
    kind = str(given.get("kind"))
    if kind not in filters:
        raise ValueError(str(UnknownNameError("event filter", kind, filters)))
    model: type[FilterParams] = filters[kind].params
    try:
        return model.model_validate(dict(given))
    except ValidationError as error:
        raise ValueError(f"{kind}: {wrong_fields(error, model)}") from error


def _default_series() -> dict[str, dict[str, SeriesEvents]]:
    daily = {"time_1d": SeriesEvents(span=50, filters=(CusumParams(multiple=2.0),))}
    return {
        "equity": daily,
        "etf": daily,
        "future": {"dollar_70M": SeriesEvents(filters=(CusumParams(multiple=4.0, primary="reversal"),))},
        "fx": {"time_1h": SeriesEvents(filters=(CusumParams(multiple=4.0),))},
    }


class EventsParams(Params):
    """Parameters of `events`.

    Parameters
    ----------
    series : asset class, then bar specification, to how its events are found; other series have none.
    """

    series: Series[SeriesEvents] = Field(default_factory=_default_series)


@stage(reads=[InformationBars, TickersDim], writes=[Events], by="ticker")
def events(information_bars: pl.DataFrame, tickers_dim: pl.DataFrame, params: EventsParams) -> pl.DataFrame:
    """Return the bars at which a filter of their series fires, known at their close.

    `target` is the volatility per bar at that close.

    Raises
    ------
    DataError
        If a ticker is not in tickers_dim.
    """
    frames = [spec(Events).empty()]
    ordered = information_bars.sort(spec(InformationBars).key)
    for bars, chosen in by_series(ordered, tickers_dim, params.series):
        if chosen is not None:
            frames.append(_events_of(bars, chosen))
    return pl.concat(frames).sort(spec(Events).key)


@cache
def event_filters() -> dict[str, AnyFilter]:
    """Return every filter below ``tsis.labeling.filters`` by its kind.

    Raises
    ------
    ContractError
        If two have one kind.
    """
    found: dict[str, AnyFilter] = {}
    for item in members("tsis.labeling.filters", EventFilter):
        if found.setdefault(item.kind, item) is not item:
            raise ContractError(f"tsis.labeling.filters: two filters are called {item.kind!r}; rename one")
    return found


def directions(bars: pl.DataFrame, target: Array, params: FilterParams) -> Directions:
    """Return +1 (upward), -1 (downward) or 0 for each bar: where the filter of `params.kind` fires.

    Parameters
    ----------
    bars : the columns of information_bars that the filter reads, of one series, in order.
    target : (n,) volatility per bar at each close, NaN in its warm-up.
    """
    chosen = event_filters()[params.kind]
    x = np.vstack([target if name == "target" else _column(bars[name]) for name in chosen.inputs])
    return chosen.run(x, params, chosen.initial_state(params))


def _column(values: pl.Series) -> Array:
    numbers = values.cast(pl.Int64) if isinstance(values.dtype, pl.Datetime) else values
    return numbers.cast(pl.Float64).fill_null(float("nan")).to_numpy()


def _events_of(bars: pl.DataFrame, params: SeriesEvents) -> pl.DataFrame:
    target = bar_volatility(bars["close"].to_numpy(), params.span)
    kind = np.full(bars.height, -1)
    side = np.zeros(bars.height, dtype=np.int8)
    for number, chosen in enumerate(params.filters):
        found = directions(bars, target, chosen)
        is_first = (found != 0) & (kind < 0)
        kind[is_first] = number
        if chosen.primary != "none":
            side[is_first] = found[is_first] if chosen.primary == "momentum" else -found[is_first]
    kinds = {number: chosen.kind for number, chosen in enumerate(params.filters)}
    return (
        bars.select(
            "ticker",
            "bar_spec",
            pl.col("ts_close").alias("t0"),
            "seq",
            pl.Series("kind", kind).replace_strict(kinds, default=None, return_dtype=pl.String),
            pl.Series("side", side, dtype=pl.Int8).replace(0, None),
            pl.Series("target", target),
        )
        .filter(pl.col("kind").is_not_null())
        .filter((pl.col("target") > params.min_target_frac) & pl.col("target").is_finite())
    )
