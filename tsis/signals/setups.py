"""What each strategy proposes at each event, before risk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import polars as pl
from pydantic import Field

from tsis.core.errors import DataError, ParamsError, some
from tsis.core.params import Params
from tsis.core.stage import stage
from tsis.core.table import spec
from tsis.signals.regime_thresholds import Thresholds, expected_return_frac, regime_at
from tsis.signals.setup_rules import NOT_FITTED, rules, verdict
from tsis.signals.sizing.bets import Bets
from tsis.signals.strategy_params import SeriesOf, StrategyParams
from tsis.tables.labeling.events import Events
from tsis.tables.labeling.triple_barrier import TripleBarrier
from tsis.tables.ml_dataset.event_features import EventFeatures
from tsis.tables.processed_features.information_bars import InformationBars
from tsis.tables.processed_features.regimes import Regimes
from tsis.tables.reference.tickers_dim import TickersDim
from tsis.tables.signals.ensemble_predictions import EnsemblePredictions
from tsis.tables.signals.predictions import Predictions
from tsis.tables.signals.setups import Setups

_EVENT = ["ticker", "bar_spec", "t0", "seq"]
_COLUMNS = list(spec(Setups).columns)
PREDICTED: Final = ["model", "model_version", *_EVENT, "side", "probability", "predicted_at"]
"""Columns of a prediction that a setup follows from."""
_LENIENT = Thresholds(direction=0.0, confidence=0.5)
"""Of models with few events, of which the defaults would leave a handful."""


class SetupsParams(Params):
    """The strategies, one for each model and each ensemble, and named after it.

    Parameters
    ----------
    strategies : by model name.
    bet_step_frac : step of the bet sizes; ``dynamic`` has units of its own.
    """

    strategies: dict[str, StrategyParams] = Field(
        default_factory=lambda: {
            "es_dollar": StrategyParams(
                series=SeriesOf(asset_class="future", bar_spec="dollar_70M"),
                pt=5.0,
                sl=5.0,
                max_bars=50,
                round_trip_cost_bps=2.0,
                thresholds=_LENIENT,
            ),
            "us_daily": StrategyParams(
                series=SeriesOf(asset_class="equity", bar_spec="time_1d"),
                pt=3.0,
                sl=3.0,
                max_bars=15,
                round_trip_cost_bps=5.0,
            ),
            "fx_hourly": StrategyParams(
                series=SeriesOf(asset_class="fx", bar_spec="time_1h"),
                pt=5.0,
                sl=5.0,
                max_bars=48,
                round_trip_cost_bps=1.5,
                thresholds=_LENIENT,
            ),
        }
    )
    bet_step_frac: float = Field(default=0.1, gt=0, le=1)


@stage(
    reads=[
        Predictions,
        EnsemblePredictions,
        Events,
        EventFeatures,
        TripleBarrier,
        InformationBars,
        Regimes,
        TickersDim,
    ],
    writes=[Setups],
    by="whole",
)
def setups(
    predictions: pl.DataFrame,
    ensemble_predictions: pl.DataFrame,
    events: pl.DataFrame,
    event_features: pl.DataFrame,
    triple_barrier: pl.DataFrame,
    information_bars: pl.DataFrame,
    regimes: pl.DataFrame,
    tickers_dim: pl.DataFrame,
    params: SetupsParams,
) -> pl.DataFrame:
    """Turn each walk-forward prediction into an entry with stop, target, size, expiry, and the rules that held.

    Of models only ``split = walk_forward`` is looked at; ensembles have no other. The entry is the close at t0; stop
    and target lie ``target * sl`` and ``target * pt`` away, as fractions of it, in the forward-adjusted prices; a
    trailing stop follows ``target * trail`` behind the best price.
    Whether it is armed follows from the market regime first, then from what the prediction must reach in it, from
    levels and size; see `tsis.signals.setup_rules`. Of triple_barrier nothing but whether an earlier bet is over by t0
    is asked. An event of a strategy's `series` that has no prediction is HOLD, with the reason. `phase` is ``none``
    until phases are known.

    Raises
    ------
    DataError
        If a prediction has no event, no bar, or no ticker row.
    ParamsError
        If a model has no strategy.
    """
    chosen = pl.concat(
        [
            predictions.filter(pl.col("split") == "walk_forward").select(PREDICTED),
            ensemble_predictions.select(PREDICTED),
        ]
    )
    return propose(chosen, events, event_features, triple_barrier, information_bars, regimes, tickers_dim, params, {})


def propose(
    predictions: pl.DataFrame,
    events: pl.DataFrame,
    event_features: pl.DataFrame,
    triple_barrier: pl.DataFrame,
    information_bars: pl.DataFrame,
    regimes: pl.DataFrame,
    tickers_dim: pl.DataFrame,
    params: SetupsParams,
    why_unpredicted: Mapping[str, str],
) -> pl.DataFrame:
    """Return the setups of `predictions` (columns `PREDICTED`) and of the events without one, as `setups` does.

    Parameters
    ----------
    why_unpredicted : by strategy, what is said of its events that have no prediction; `NOT_FITTED` where not named.

    Raises
    ------
    DataError, ParamsError
        As `setups`.
    """
    unknown = sorted(set(predictions["model"].to_list()) - set(params.strategies))
    if unknown:
        raise ParamsError(f"setups.strategies has no entry for {some(unknown)}; add one for each model and ensemble")
    chosen = pl.concat([predictions, *_unanswered(predictions, events, tickers_dim, params)])
    ticks = tickers_dim.sort("valid_from", "known_at").unique("ticker", keep="last", maintain_order=True)
    rows = (
        chosen.join(events.select(*_EVENT, "kind", "target"), on=_EVENT, how="left")
        .join(triple_barrier.select(*_EVENT, "t1"), on=_EVENT, how="left")
        .join(_missing(event_features), on=_EVENT, how="left")
        .join(_bars_of(chosen, information_bars), on=_EVENT, how="left")
        .join(ticks.select("ticker", "tick_size"), on="ticker", how="left")
        .join(regime_at(chosen.select(_EVENT).unique(), regimes), on=_EVENT, how="left")
    )
    _require_joined(rows)
    frames = [spec(Setups).empty()]
    for (model,), asked in rows.partition_by("model", as_dict=True).items():
        name = str(model)
        why = why_unpredicted.get(name, NOT_FITTED)
        frames.append(_proposed(asked, params.strategies[name], params.bet_step_frac, why))
    return pl.concat(frames).sort(spec(Setups).key)


def _proposed(rows: pl.DataFrame, strategy: StrategyParams, step_frac: float, unpredicted: str) -> pl.DataFrame:
    given = {name: getattr(strategy, name) for name in ("pt", "sl", "trail", "max_seconds")}
    asked = rules(strategy)
    ruled = (
        rows.with_columns(
            pl.lit(strategy.max_bars, pl.Int64).alias("max_bars"),
            **{name: pl.lit(value, pl.Float64) for name, value in given.items()},
        )
        .with_columns(*_levels(), expected_return_frac().alias("expected_return_frac"))
        .with_columns(asked)
        .with_columns(pl.all_horizontal([rule.meta.output_name() for rule in asked]).alias("is_made"))
    )
    size, limit = strategy.sizing.sizes(Bets.of(ruled), step_frac)
    size[ruled["probability"].is_null().to_numpy()] = 0.0
    return (
        ruled.with_columns(
            pl.Series("bet_size", size),
            pl.Series("limit_price", limit).fill_nan(None),
            pl.when("predicted").then(pl.Series(size > 0.0)).alias("bet_not_zero"),
        )
        .with_columns(verdict(strategy, unpredicted))
        .with_columns(_names())
        .select(_COLUMNS)
    )


def _unanswered(
    predictions: pl.DataFrame, events: pl.DataFrame, tickers_dim: pl.DataFrame, params: SetupsParams
) -> Iterator[pl.DataFrame]:
    """Yield the events with a side that a strategy was to decide on and its model did not predict."""
    for name, strategy in sorted(params.strategies.items()):
        if strategy.series is None:
            continue
        tickers = tickers_dim.filter(pl.col("asset_class") == strategy.series.asset_class).select("ticker").unique()
        of_series = (pl.col("bar_spec") == strategy.series.bar_spec) & pl.col("side").is_not_null()
        yield (
            events.filter(of_series)
            .join(tickers, on="ticker", how="semi")
            .join(predictions.filter(pl.col("model") == name), on=_EVENT, how="anti")
            .with_columns(
                pl.lit(name).alias("model"),
                pl.lit(None, pl.String).alias("model_version"),
                pl.lit(None, pl.Float64).alias("probability"),
                pl.col("t0").alias("predicted_at"),
            )
            .select(PREDICTED)
        )


def _missing(event_features: pl.DataFrame) -> pl.DataFrame:
    """Return the share of each event's features that are missing."""
    names = [name for name in event_features.columns if name not in spec(EventFeatures).columns]
    n_missing = pl.sum_horizontal(pl.lit(0), *(pl.col(name).is_null() for name in names))
    return event_features.select(*_EVENT, (n_missing / max(len(names), 1)).alias("missing_frac"))


def _bars_of(predictions: pl.DataFrame, information_bars: pl.DataFrame) -> pl.DataFrame:
    """Return ticker, bar_spec, t0, seq, entry, price_factor, n_bars: how many bars the series has by then."""
    series = predictions.select("ticker", "bar_spec").unique()
    return (
        information_bars.join(series, on=["ticker", "bar_spec"], how="semi")
        .sort(spec(InformationBars).key)
        .select(
            "ticker",
            "bar_spec",
            pl.col("ts_close").alias("t0"),
            "seq",
            pl.col("close").alias("entry"),
            "price_factor",
            pl.int_range(1, pl.len() + 1).over("ticker", "bar_spec").alias("n_bars"),
        )
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
        (target * pl.col("trail")).alias("trail_frac"),
        (pl.col("t0") + pl.duration(microseconds=(pl.col("max_seconds") * 1e6).round().cast(pl.Int64))).alias(
            "expires_at"
        ),
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
