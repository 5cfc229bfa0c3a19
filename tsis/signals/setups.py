"""What each strategy proposes at each event, before risk."""

from __future__ import annotations

from typing import Self

import polars as pl
from pydantic import Field, model_validator

from tsis.core.errors import DataError, ParamsError, some
from tsis.core.params import Params
from tsis.core.stage import stage
from tsis.core.table import spec
from tsis.signals.bet_size import bet_size
from tsis.tables.labeling.events import Events
from tsis.tables.processed_features.information_bars import InformationBars
from tsis.tables.processed_features.regimes import Regimes
from tsis.tables.reference.tickers_dim import TickersDim
from tsis.tables.signals.predictions import Predictions
from tsis.tables.signals.setups import Setups

_EVENT = ["ticker", "bar_spec", "t0", "seq"]
_COLUMNS = list(spec(Setups).columns)


class StrategyParams(Params):
    """What a strategy makes of its model's predictions.

    Parameters
    ----------
    pt, sl : distance of target and stop from the entry, in multiples of the event's volatility. The model learnt to
        predict the barriers of the labels: keep them equal to ``triple_barrier``.
    max_bars, max_seconds : when the position is closed at the latest; likewise the vertical barrier of the labels.
    min_probability : an event below it is held back.
    min_stop_ticks : a stop nearer than so many ticks would be hit by the bounce between bid and ask.
    round_trip_cost_bps : what entering and leaving costs; the target must be farther away than that.
    needs_regime : an event at whose bar the market regime is undefined, or not told by ``regimes``, is held back.
    """

    pt: float = Field(gt=0)
    sl: float = Field(gt=0)
    max_bars: int | None = Field(default=None, ge=1)
    max_seconds: float | None = Field(default=None, gt=0)
    min_probability: float = Field(default=0.5, ge=0, le=1)
    min_stop_ticks: float = Field(default=2.0, ge=0)
    round_trip_cost_bps: float = Field(ge=0)
    needs_regime: bool = True

    @model_validator(mode="after")
    def _ends(self) -> Self:
        if self.max_bars is None and self.max_seconds is None:
            raise ValueError("a position needs an end: give max_bars, max_seconds, or both")
        return self


class SetupsParams(Params):
    """The strategies, one for each model and named after it.

    Parameters
    ----------
    strategies : by model name.
    bet_step_frac : step of the bet sizes.
    """

    strategies: dict[str, StrategyParams] = Field(
        default_factory=lambda: {
            "es_dollar": StrategyParams(pt=5.0, sl=5.0, max_bars=50, round_trip_cost_bps=2.0),
            "us_daily": StrategyParams(pt=3.0, sl=3.0, max_bars=15, round_trip_cost_bps=5.0),
            "fx_hourly": StrategyParams(pt=5.0, sl=5.0, max_bars=48, round_trip_cost_bps=1.5),
        }
    )
    bet_step_frac: float = Field(default=0.1, gt=0, le=1)


@stage(reads=[Predictions, Events, InformationBars, Regimes, TickersDim], writes=[Setups], by="whole")
def setups(
    predictions: pl.DataFrame,
    events: pl.DataFrame,
    information_bars: pl.DataFrame,
    regimes: pl.DataFrame,
    tickers_dim: pl.DataFrame,
    params: SetupsParams,
) -> pl.DataFrame:
    """Turn each walk-forward prediction into an entry with stop, target, size, expiry, and the rules that held.

    Only ``split = walk_forward`` is looked at. The entry is the close at t0; stop and target lie ``target * sl`` and
    ``target * pt`` away, as fractions of it, in the forward-adjusted prices of the bars. A setup is armed where all
    rules hold: probability reached, size not rounded to nothing, stop far enough in ticks (as traded), target beyond
    the costs, stop above zero, and the market regime at the event's bar defined where the strategy needs one. `phase`
    is ``none`` until phases are known.

    Raises
    ------
    DataError
        If a prediction has no event, no bar, or no ticker row.
    ParamsError
        If a model has no strategy.
    """
    chosen = predictions.filter(pl.col("split") == "walk_forward")
    unknown = sorted(set(chosen["model"].to_list()) - set(params.strategies))
    if unknown:
        raise ParamsError(f"setups.strategies has no entry for {some(unknown)}; add one for each model in predictions")
    bars = information_bars.select(
        "ticker", "bar_spec", pl.col("ts_close").alias("t0"), "seq", pl.col("close").alias("entry"), "price_factor"
    )
    ticks = tickers_dim.sort("valid_from", "known_at").unique("ticker", keep="last", maintain_order=True)
    rows = (
        chosen.join(events.select(*_EVENT, "kind", "target"), on=_EVENT, how="left")
        .join(bars, on=_EVENT, how="left")
        .join(ticks.select("ticker", "tick_size"), on="ticker", how="left")
        .join(_strategies(params), on="model", how="left")
        .join(_regime_at(chosen, regimes), on=_EVENT, how="left")
    )
    _require_joined(rows)
    size = pl.Series("bet_size", bet_size(rows["probability"].to_numpy(), params.bet_step_frac))
    return (
        rows.with_columns(size)
        .with_columns(_levels())
        .with_columns(_rules())
        .with_columns(_verdict())
        .with_columns(_names())
        .select(_COLUMNS)
        .sort(spec(Setups).key)
    )


def _strategies(params: SetupsParams) -> pl.DataFrame:
    rows = [{"model": name, **strategy.model_dump()} for name, strategy in sorted(params.strategies.items())]
    names = list(StrategyParams.model_fields)
    schema = (
        {"model": pl.String} | dict.fromkeys(names, pl.Float64) | {"max_bars": pl.Int64, "needs_regime": pl.Boolean}
    )
    return pl.DataFrame(rows, schema=schema)


def _regime_at(predictions: pl.DataFrame, regimes: pl.DataFrame) -> pl.DataFrame:
    """Return the regime at the bar of each event: that of the last row which starts at it or before."""
    starts = regimes.select("ticker", "bar_spec", pl.col("ts_start").alias("t0"), "seq", "regime", _is_event=False)
    asked = predictions.select(*_EVENT, pl.lit(None, pl.String).alias("regime"), _is_event=True).unique(_EVENT)
    return (
        pl.concat([starts, asked])
        .sort(*_EVENT, "_is_event")
        .with_columns(pl.col("regime").forward_fill().over("ticker", "bar_spec"))
        .filter("_is_event")
        .drop("_is_event")
    )


def _require_joined(rows: pl.DataFrame) -> None:
    for column, table in (
        ("target", "labeling.events"),
        ("entry", "processed_features.information_bars"),
        ("tick_size", "reference.tickers_dim"),
    ):
        orphans = rows.filter(pl.col(column).is_null())
        if not orphans.is_empty():
            first = orphans.row(0, named=True)
            raise DataError(
                f"setups: {orphans.height:,} of {rows.height:,} predictions have no row in {table} (first: "
                f"{first['ticker']} {first['bar_spec']} {first['t0']:%Y-%m-%dT%H:%M:%S.%fZ}); run the stages before"
            )


def _levels() -> list[pl.Expr]:
    entry, side, target = pl.col("entry"), pl.col("side").cast(pl.Float64), pl.col("target")
    smallest = entry * 1e-6
    return [
        pl.max_horizontal(entry * (1.0 - side * target * pl.col("sl")), smallest).alias("stop"),
        pl.max_horizontal(entry * (1.0 + side * target * pl.col("pt")), smallest).alias("tp1"),
        (pl.col("t0") + pl.duration(microseconds=(pl.col("max_seconds") * 1e6).round().cast(pl.Int64))).alias(
            "expires_at"
        ),
    ]


def _rules() -> list[pl.Expr]:
    stop_distance = (pl.col("entry") - pl.col("stop")).abs() / pl.col("price_factor")
    return [
        (pl.col("probability") >= pl.col("min_probability")).alias("_probability"),
        (pl.col("bet_size") > 0).alias("_size"),
        (stop_distance >= pl.col("min_stop_ticks") * pl.col("tick_size")).alias("_stop"),
        (pl.col("target") * pl.col("pt") * 1e4 > pl.col("round_trip_cost_bps")).alias("_cost"),
        (pl.min_horizontal("stop", "tp1") > pl.col("entry") * 1e-6).alias("_levels"),
        (~pl.col("needs_regime") | (pl.col("regime").fill_null("undefined") != "undefined")).alias("_regime"),
    ]


_RULES = {
    "_probability": ("probability_reached", "probability below the least"),
    "_size": ("bet_not_zero", "bet rounds to zero"),
    "_stop": ("stop_beyond_noise", "stop within a few ticks"),
    "_cost": ("target_beyond_cost", "target within the costs"),
    "_levels": ("levels_positive", "stop or target not above zero"),
    "_regime": ("regime_defined", "regime undefined"),
}


def _verdict() -> list[pl.Expr]:
    held = [
        pl.lit(f'"{name}": ') + pl.when(pl.col(rule)).then(pl.lit("true")).otherwise(pl.lit("false"))
        for rule, (name, _) in _RULES.items()
    ]
    broken = [pl.when(~pl.col(rule)).then(pl.lit(text)) for rule, (_, text) in _RULES.items()]
    return [
        (pl.lit("{") + pl.concat_str(held, separator=", ") + pl.lit("}")).alias("checklist"),
        pl.concat_str(broken, separator="; ", ignore_nulls=True).alias("reason"),
        pl.when(pl.all_horizontal(list(_RULES))).then(pl.lit("ENTRY_ARMED")).otherwise(pl.lit("HOLD")).alias("action"),
    ]


def _names() -> list[pl.Expr]:
    at = pl.col("t0").dt.strftime("%Y%m%dT%H%M%S%.6fZ")
    return [
        ("backtest:" + pl.col("model")).alias("session_id"),
        pl.lit("backtest").alias("origin"),
        pl.concat_str("model", "ticker", "bar_spec", at, "seq", separator=":").alias("signal_id"),
        pl.col("predicted_at").alias("ts"),
        pl.lit("none").alias("phase"),
        pl.col("kind").alias("setup"),
        pl.col("probability").alias("ml_score"),
    ]
