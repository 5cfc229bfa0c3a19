"""Stage `events`: the moments at which a decision is considered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Self, TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field, SerializeAsAny, ValidationError, field_validator, model_validator

from tsis.core.discovery import members
from tsis.core.errors import ContractError, UnknownNameError
from tsis.core.event_filter import AnyFilter, Array, Directions, EventFilter, FilterParams
from tsis.core.params import Params, wrong_fields
from tsis.core.rule_strategy import ENTRY, SIDE, AnyStrategy, RuleParams, RuleStrategy, Stances
from tsis.core.series import Series, by_series
from tsis.core.stage import stage
from tsis.core.table import spec
from tsis.labeling.filters.cusum import CusumParams
from tsis.labeling.volatility import bar_volatility
from tsis.tables.labeling.events import Events
from tsis.tables.processed_features.information_bars import InformationBars
from tsis.tables.reference.tickers_dim import TickersDim

P = TypeVar("P", bound=Params)
Flags = NDArray[np.bool_]


class SeriesEvents(Params):
    """How events of one series are found, and who says their side.

    Parameters
    ----------
    span : of the exponentially weighted volatility per bar, an event's target; no event before as many returns.
    min_target_frac : an event whose target does not exceed it is none, and has no label (AFML's minimum return).
    filters : what raises events; each has the `kind` of a filter below ``tsis.labeling.filters`` and its parameters.
    strategies : rules that raise an event wherever they want to enter, on their side; each has the `kind` of a strategy
        below ``tsis.labeling.strategies`` and its parameters. A bar on which several fire is one event, of the first of
        them; filters come before strategies.
    side_of : a strategy whose side at the event's bar takes the place of the side that a filter's ``primary`` gives;
        where it has none, the event has none. Null leaves the filters theirs.
    """

    span: int = Field(default=100, ge=2)
    min_target_frac: float = Field(default=0.0, ge=0)
    filters: tuple[SerializeAsAny[FilterParams], ...] = ()
    strategies: tuple[SerializeAsAny[RuleParams], ...] = ()
    side_of: SerializeAsAny[RuleParams] | None = None

    @field_validator("filters", mode="before")
    @classmethod
    def _typed_filters(cls, given: Any) -> Any:
        if not isinstance(given, list | tuple):
            return given
        return tuple(_filter_of(item) if isinstance(item, Mapping) else item for item in given)

    @field_validator("strategies", mode="before")
    @classmethod
    def _typed_strategies(cls, given: Any) -> Any:
        if not isinstance(given, list | tuple):
            return given
        return tuple(strategy_params(item) if isinstance(item, Mapping) else item for item in given)

    @field_validator("side_of", mode="before")
    @classmethod
    def _typed_side(cls, given: Any) -> Any:
        return strategy_params(given) if isinstance(given, Mapping) else given

    @model_validator(mode="after")
    def _some_source(self) -> Self:
        if not self.filters and not self.strategies:
            raise ValueError("nothing raises events: name one at least in filters or strategies")
        if self.side_of is not None and not self.filters:
            raise ValueError("side_of is the side of what filters raise, and there are none; strategies have their own")
        return self


def _filter_of(given: Mapping[str, Any]) -> FilterParams:
    filters = event_filters()
    kind = str(given.get("kind"))
    if kind not in filters:
        raise ValueError(str(UnknownNameError("event filter", kind, filters)))
    model: type[FilterParams] = filters[kind].params
    return _read(model, kind, given)


def strategy_params(given: Mapping[str, Any]) -> RuleParams:
    """Return the parameters of the strategy that `given` names by its ``kind``.

    Raises
    ------
    ValueError
        If there is none of that kind, or a parameter is wrong.
    """
    known = rule_strategies()
    kind = str(given.get("kind"))
    if kind not in known:
        raise ValueError(str(UnknownNameError("strategy", kind, known)))
    model: type[RuleParams] = known[kind].params
    return _read(model, kind, given)


def _read(model: type[P], kind: str, given: Mapping[str, Any]) -> P:
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
    """Return the bars at which a filter of their series fires or a strategy wants to enter, known at their close.

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


@cache
def rule_strategies() -> dict[str, AnyStrategy]:
    """Return every strategy below ``tsis.labeling.strategies`` by its kind.

    Raises
    ------
    ContractError
        If two have one kind, or one has that of a filter: the column ``kind`` of events names both.
    """
    found: dict[str, AnyStrategy] = {}
    for item in members("tsis.labeling.strategies", RuleStrategy):
        if found.setdefault(item.kind, item) is not item or item.kind in event_filters():
            raise ContractError(f"tsis.labeling.strategies: the name {item.kind!r} is taken; rename one")
    return found


def directions(bars: pl.DataFrame, target: Array, params: FilterParams) -> Directions:
    """Return +1 (upward), -1 (downward) or 0 for each bar: where the filter of `params.kind` fires.

    Parameters
    ----------
    bars : the columns of information_bars that the filter reads, of one series, in order.
    target : (n,) volatility per bar at each close, NaN in its warm-up.
    """
    chosen = event_filters()[params.kind]
    return chosen.run(_inputs(bars, target, chosen.inputs), params, chosen.initial_state(params))


def stances(bars: pl.DataFrame, target: Array, params: RuleParams) -> Stances:
    """Return for each bar the side of the strategy of `params.kind` at its close, and 1 where it wants to enter.

    Parameters
    ----------
    bars : the columns of information_bars that the strategy reads, of one series, in order.
    target : (n,) volatility per bar at each close, NaN in its warm-up.

    Returns
    -------
    (2, n) int8; rows `SIDE` and `ENTRY` of ``tsis.core.rule_strategy``.
    """
    chosen = rule_strategies()[params.kind]
    return chosen.run(_inputs(bars, target, chosen.inputs), params, chosen.initial_state(params))


def _inputs(bars: pl.DataFrame, target: Array, names: tuple[str, ...]) -> Array:
    return np.vstack([target if name == "target" else _column(bars[name]) for name in names])


def _column(values: pl.Series) -> Array:
    numbers = values.cast(pl.Int64) if isinstance(values.dtype, pl.Datetime) else values
    return numbers.cast(pl.Float64).fill_null(float("nan")).to_numpy()


def _events_of(bars: pl.DataFrame, params: SeriesEvents) -> pl.DataFrame:
    target = bar_volatility(bars["close"].to_numpy(), params.span)
    kind = np.full(bars.height, -1)
    side = np.zeros(bars.height, dtype=np.int8)
    kinds: dict[int, str] = {}
    for number, (name, is_event, its_side) in enumerate(_sources(bars, target, params)):
        is_first = is_event & (kind < 0)
        kind[is_first], side[is_first], kinds[number] = number, its_side[is_first], name
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


def _sources(bars: pl.DataFrame, target: Array, params: SeriesEvents) -> Iterator[tuple[str, Flags, Directions]]:
    """Yield kind, events and sides of each filter and strategy, (n,) one a bar."""
    given = None if params.side_of is None else stances(bars, target, params.side_of)[SIDE]
    for chosen in params.filters:
        found = directions(bars, target, chosen)
        own = {"momentum": found, "reversal": -found, "none": np.zeros_like(found)}[chosen.primary]
        yield chosen.kind, found != 0, own if given is None else given
    for rule in params.strategies:
        found = stances(bars, target, rule)
        yield rule.kind, found[ENTRY] != 0, found[SIDE]
