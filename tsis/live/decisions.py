"""From the bars of a strategy's series to its setups and what a paper account makes of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from tsis.backtest.fills_log import fills_log
from tsis.core.params import Params
from tsis.core.table import spec
from tsis.dataset.dataset import dataset
from tsis.features.regimes import regimes
from tsis.labeling.events import events
from tsis.labeling.triple_barrier import triple_barrier
from tsis.live.moment import of_this_moment
from tsis.live.serving import Served, predict
from tsis.signals.setups import PREDICTED, SetupsParams, propose
from tsis.tables.labeling.events import Events
from tsis.tables.labeling.meta_labels import MetaLabels
from tsis.tables.labeling.sample_weights import SampleWeights
from tsis.tables.labeling.triple_barrier import TripleBarrier

_EVENT = ["ticker", "bar_spec", "t0", "seq"]
_BAR = ["ticker", "bar_spec", "ts_close", "seq"]
_BARS_OF_MODEL = ["ticker", "bar_spec"]


@dataclass(frozen=True)
class Reference:
    """The tables beside bars and features that decisions look at."""

    sessions: pl.DataFrame
    tickers_dim: pl.DataFrame
    futures_roll: pl.DataFrame


@dataclass(frozen=True)
class Strategy:
    """One strategy: the model that it asks, and the series that it decides on."""

    served: Served
    tickers: tuple[str, ...]
    bar_spec: str

    @property
    def name(self) -> str:
        """Return the name, which is the model's."""
        return self.served.name

    def of_series(self) -> pl.Expr:
        """Return an expression for the rows of its series."""
        return pl.col("ticker").is_in(self.tickers) & (pl.col("bar_spec") == self.bar_spec)


def events_of(bars: pl.DataFrame, reference: Reference, params: Mapping[str, Params]) -> pl.DataFrame:
    """Return the events of all bars so far; earlier ones are not changed by later bars."""
    frames = [
        _call(events, params, information_bars=part, tickers_dim=reference.tickers_dim)
        for part in bars.partition_by("ticker")
    ]
    return pl.concat([spec(Events).empty(), *frames])


def asked_of(
    found: pl.DataFrame, bars: pl.DataFrame, features: pl.DataFrame, params: Mapping[str, Params]
) -> pl.DataFrame:
    """Return the rows of ml_dataset.event_features of events, those with a side and behind the warm-up.

    Parameters
    ----------
    found : rows of labeling.events.
    bars : of their series from the first on: the warm-up counts them.
    features : rows of processed_features.features, those of the events' bars at least.
    """
    rows = bars.select(_BAR).join(features, on=_BAR, how="left", maintain_order="left")
    nothing = {"meta_labels": MetaLabels, "triple_barrier": TripleBarrier, "sample_weights": SampleWeights}
    empty = {name: spec(table).empty() for name, table in nothing.items()}
    return dataset.frames({"features": rows, "events": found, **empty}, params["dataset"])[0][1]


def decide(
    strategy: Strategy,
    found: pl.DataFrame,
    asked: pl.DataFrame,
    bars: pl.DataFrame,
    before: pl.DataFrame,
    is_new: pl.DataFrame,
    reference: Reference,
    params: Mapping[str, Params],
    now: datetime,
    max_age: timedelta,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the predictions and the setups of a strategy's new events.

    Parameters
    ----------
    found, asked : all events of its series so far, and their features.
    bars : of its series from the first on.
    before : its predictions so far: some rules of sizing look at the bets before.
    is_new : ticker, bar_spec, t0, seq of the events to decide on.
    now, max_age : see `tsis.live.moment.of_this_moment`.
    """
    new = found.join(is_new, on=_EVENT, how="semi")
    made, why_none = predict(strategy.served, asked.join(new, on=_EVENT, how="semi"), bars)
    given: SetupsParams = params["setups"]  # type: ignore[assignment]
    own = given.model_copy(update={"strategies": {strategy.name: given.strategies[strategy.name]}})
    barriers = [
        _call(
            triple_barrier, params, events=part, information_bars=_same(bars, part), tickers_dim=reference.tickers_dim
        )
        for part in found.partition_by("ticker")
    ]
    told = [_call(regimes, params, information_bars=part) for part in bars.partition_by("ticker")]
    proposed = propose(
        pl.concat([before, made]).select(PREDICTED),
        found,
        asked,
        pl.concat([spec(TripleBarrier).empty(), *barriers]),
        bars,
        pl.concat(told),
        reference.tickers_dim,
        own,
        {strategy.name: why_none},
    )
    setups = proposed.join(new, on=_EVENT, how="semi", maintain_order="left")
    return made, of_this_moment(setups, reference.sessions, reference.tickers_dim, now, max_age)


def account_of(
    setups: pl.DataFrame, bars: pl.DataFrame, reference: Reference, params: Mapping[str, Params]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return signals_history and active_signals of all setups so far, after the last bar.

    A paper account holds the limits of risk against them, with the session kernel of the backtest; its orders and
    fills are nobody's, and not returned. A setup whose bar was corrected away since is held back.

    Parameters
    ----------
    setups : rows of signals.setups of all strategies.
    bars : of all their series.
    """
    there = bars.select("ticker", "bar_spec", "seq", pl.col("ts_close").alias("t0"), is_there=True)
    rows = setups.join(there, on=_EVENT, how="left", maintain_order="left").with_columns(
        pl.col("is_there").fill_null(value=False)
    )
    lost = "its bar was corrected since"
    standing = rows.with_columns(
        pl.when("is_there").then("action").otherwise(pl.lit("HOLD")).alias("action"),
        pl.when("is_there").then("reason").otherwise(pl.lit(lost)).alias("reason"),
    ).drop("is_there")
    given = {
        "setups": standing,
        "information_bars": bars,
        "futures_roll": reference.futures_roll,
        "tickers_dim": reference.tickers_dim,
    }
    (history, active, *_), _ = fills_log.frames(given, params["fills_log"])
    return history, active


def _same(bars: pl.DataFrame, part: pl.DataFrame) -> pl.DataFrame:
    return bars.join(part.select(_BARS_OF_MODEL).unique(), on=_BARS_OF_MODEL, how="semi", maintain_order="left")


def _call(stage: Any, params: Mapping[str, Params], **given: pl.DataFrame) -> pl.DataFrame:
    frame: pl.DataFrame = stage.frames(given, params[stage.name])[0][0]
    return frame
