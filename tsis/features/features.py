"""Stage `features`: every registered feature of every bar."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl
from pandera.polars import Column
from pydantic import Field, model_validator

from tsis.core.errors import TsisError
from tsis.core.feature import Array, Bank
from tsis.core.params import Params
from tsis.core.series import BarSpecName
from tsis.core.stage import stage
from tsis.core.state import State
from tsis.core.table import spec
from tsis.core.ticker_sessions import ticker_sessions
from tsis.features.engine import Engine
from tsis.features.families import chosen_families
from tsis.features.given_streams import given_streams
from tsis.tables.processed_features.bar_microstructure import BarMicrostructure
from tsis.tables.processed_features.features import Features
from tsis.tables.processed_features.information_bars import InformationBars
from tsis.tables.reference.sessions import Sessions
from tsis.tables.reference.tickers_dim import TickersDim

_BARS_AT_ONCE = 16_384


class FeaturesParams(Params):
    """Parameters of `features`.

    Parameters
    ----------
    bar_specs : the series to compute, by their bar specification; null for all.
    families : parameters of families whose defaults do not suit, by name; ``tsis features`` lists them.
    leave_out : families to leave out.
    """

    bar_specs: tuple[BarSpecName, ...] | None = None
    families: dict[str, dict[str, Any]] = Field(default_factory=dict)
    leave_out: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _are_possible(self) -> FeaturesParams:
        try:
            self.banks()
        except TsisError as error:
            raise ValueError(str(error)) from error
        return self

    def banks(self) -> dict[str, Bank]:
        """Return the banks that are chosen, by family, in the order of their columns."""
        return chosen_families(self.families, self.leave_out)


@stage(reads=[InformationBars, BarMicrostructure, Sessions, TickersDim], writes=[Features], by="ticker")
def features(
    information_bars: pl.DataFrame,
    bar_microstructure: pl.DataFrame,
    sessions: pl.DataFrame,
    tickers_dim: pl.DataFrame,
    params: FeaturesParams,
    state: State | None = None,
    until: datetime | None = None,  # noqa: ARG001  a row follows from its bar and those before it
) -> tuple[pl.DataFrame, State]:
    """Return one row a bar and one column a feature, null in its warm-up, from that bar and those before it alone.

    The state holds, under ``ticker bar_spec``, the engine's checkpoint.
    """
    engine = Engine(list(params.banks().values()))
    key = spec(Features).polars_schema.names()
    empty = pl.DataFrame(schema=spec(Features).polars_schema | dict.fromkeys(engine.names, pl.Float64))
    frames, after = [empty], dict(state or {})
    for name, bars, given in series_of(information_bars, bar_microstructure, sessions, tickers_dim, params):
        checkpoint = after.get(name, engine.start())
        # the matrix, the columns and the nulls of a year would be three times the table
        for first in range(0, bars.height, _BARS_AT_ONCE):
            piece = np.ascontiguousarray(given[:, first : first + _BARS_AT_ONCE])
            out, checkpoint = engine.fold(piece, checkpoint)
            values = pl.from_numpy(np.ascontiguousarray(out.T), schema=engine.names, orient="col").fill_nan(None)
            frames.append(pl.concat([bars[first : first + _BARS_AT_ONCE].select(key), values], how="horizontal"))
        after[name] = checkpoint
    # series come in the order of their names, and their bars in order
    return pl.concat(frames), after


def series_of(
    information_bars: pl.DataFrame,
    bar_microstructure: pl.DataFrame,
    sessions: pl.DataFrame,
    tickers_dim: pl.DataFrame,
    params: FeaturesParams,
) -> Iterator[tuple[str, pl.DataFrame, Array]]:
    """Yield, of every chosen series, ``ticker bar_spec``, its bars in order, and the streams that the engine takes."""
    chosen = information_bars
    if params.bar_specs is not None:
        chosen = chosen.filter(pl.col("bar_spec").is_in(params.bar_specs))
    key = spec(InformationBars).key
    chosen = chosen.join(bar_microstructure, on=key, how="left")
    by_series = chosen.sort(key).partition_by("ticker", "bar_spec", as_dict=True)
    for (ticker, bar_spec), bars in by_series.items():
        listed = ticker_sessions(sessions, tickers_dim, str(ticker))
        facts = tickers_dim.filter(pl.col("ticker") == ticker)
        yield f"{ticker} {bar_spec}", bars, given_streams(bars, listed, facts)


def feature_columns(params: FeaturesParams) -> dict[str, Column]:
    """Return the declared columns of the chosen features, in order: what the table `features` is widened with."""
    return {
        feature.name: Column(
            pl.Float64,
            nullable=True,
            description=f"{feature.description}; source: {feature.source}; warm-up: {feature.warm_up} bars",
            metadata={"unit": feature.unit},
        )
        for bank in params.banks().values()
        for feature in bank.outputs
    }
