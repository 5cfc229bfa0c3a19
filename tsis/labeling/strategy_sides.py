"""Stage `strategy_sides`: what rule strategies say of each event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl
from pydantic import Field, SerializeAsAny, field_validator

from tsis.core.params import Params
from tsis.core.rule_strategy import SIDE, RuleParams
from tsis.core.series import Series, by_series
from tsis.core.stage import stage
from tsis.core.table import spec
from tsis.labeling.events import stances, strategy_params
from tsis.labeling.volatility import bar_volatility
from tsis.tables.labeling.events import Events
from tsis.tables.labeling.strategy_sides import StrategySides
from tsis.tables.processed_features.information_bars import InformationBars
from tsis.tables.reference.tickers_dim import TickersDim

_KEY = ["ticker", "bar_spec", "t0", "seq"]


class SeriesStrategies(Params):
    """The strategies that are asked about one series.

    Parameters
    ----------
    span : of the volatility per bar that some of them scale by, as in ``events``.
    strategies : by a name of one's own, each with its `kind` and its parameters, as in ``events``.
    """

    span: int = Field(default=100, ge=2)
    strategies: dict[str, SerializeAsAny[RuleParams]] = Field(min_length=1)

    @field_validator("strategies", mode="before")
    @classmethod
    def _typed(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        return {name: strategy_params(item) if isinstance(item, Mapping) else item for name, item in given.items()}


class StrategySidesParams(Params):
    """Parameters of `strategy_sides`.

    Parameters
    ----------
    series : asset class, then bar specification, to its strategies; other series have no rows.
    """

    series: Series[SeriesStrategies] = Field(default_factory=dict)


@stage(reads=[InformationBars, Events, TickersDim], writes=[StrategySides], by="ticker")
def strategy_sides(
    information_bars: pl.DataFrame, events: pl.DataFrame, tickers_dim: pl.DataFrame, params: StrategySidesParams
) -> pl.DataFrame:
    """Return the side of each strategy at the bar of each event of its series, 0 where it has none.

    Raises
    ------
    DataError
        If a ticker is not in tickers_dim.
    """
    frames = [spec(StrategySides).empty()]
    if not params.series:
        return frames[0]
    ordered = information_bars.sort(spec(InformationBars).key)
    for bars, chosen in by_series(ordered, tickers_dim, params.series):
        if chosen is None:
            continue
        target = bar_volatility(bars["close"].to_numpy(), chosen.span)
        at = bars.select("ticker", "bar_spec", pl.col("ts_close").alias("t0"), "seq")
        for name, rule in chosen.strategies.items():
            side = pl.Series("side", stances(bars, target, rule)[SIDE])
            frames.append(at.with_columns(pl.lit(name).alias("rule"), side).join(events, on=_KEY, how="semi"))
    return pl.concat(frames).sort(spec(StrategySides).key)
