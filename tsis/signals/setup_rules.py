"""The rules that a setup must hold to be armed, and what is said of those that do not hold."""

from __future__ import annotations

from typing import Final

import polars as pl

from tsis.signals.regime_thresholds import UNDEFINED
from tsis.signals.strategy_params import StrategyParams

NOT_FITTED: Final = "no prediction: no model fitted by then"


def rules(strategy: StrategyParams) -> list[pl.Expr]:
    """Return a boolean column a rule, named as in the checklist; that of the size, bet_not_zero, is not among them.

    Parameters
    ----------
    strategy : what they must reach.

    Read are the columns missing_frac, n_bars, regime, probability, expected_return_frac, entry, stop, tp1,
    price_factor, tick_size, target and pt.
    """
    p = pl.col("probability")
    stop_distance = (pl.col("entry") - pl.col("stop")).abs() / pl.col("price_factor")
    found = {
        "features_known": (pl.col("missing_frac") <= strategy.max_missing_frac).fill_null(value=False),
        "predicted": p.is_not_null(),
        "enough_bars": pl.col("n_bars") >= (strategy.min_bars if strategy.needs_regime else 0),
        "regime_defined": (pl.col("regime") != UNDEFINED) | (not strategy.needs_regime),
        "direction_reached": 2.0 * p - 1.0 >= _of_regime(strategy, "direction"),
        "magnitude_reached": pl.col("expected_return_frac") >= _of_regime(strategy, "magnitude_frac"),
        "confidence_reached": pl.max_horizontal(p, 1.0 - p) >= _of_regime(strategy, "confidence"),
        "probability_reached": p >= strategy.min_probability,
        "stop_beyond_noise": stop_distance >= strategy.min_stop_ticks * pl.col("tick_size"),
        "target_beyond_cost": pl.col("target") * pl.col("pt") * 1e4 > strategy.round_trip_cost_bps,
        "levels_positive": pl.min_horizontal("stop", "tp1") > pl.col("entry") * 1e-6,
    }
    return [held.alias(name) for name, held in found.items()]


def verdict(strategy: StrategyParams, unpredicted: str = NOT_FITTED) -> list[pl.Expr]:
    """Return the columns checklist, reason and action, from those of `rules` and bet_not_zero.

    Parameters
    ----------
    unpredicted : what is said of an event without a prediction.
    """
    broken = {
        "features_known": "features missing",
        "predicted": unpredicted,
        "enough_bars": f"fewer than {strategy.min_bars} bars",
        "regime_defined": "regime undefined",
        "direction_reached": "direction below the threshold",
        "magnitude_reached": "expected return below the threshold",
        "confidence_reached": "confidence below the threshold",
        "probability_reached": "probability below the least",
        "bet_not_zero": "bet rounds to zero",
        "stop_beyond_noise": "stop within a few ticks",
        "target_beyond_cost": "target within the costs",
        "levels_positive": "stop or target not above zero",
    }
    held = [pl.lit(f'"{name}": ') + pl.when(name).then(pl.lit("true")).otherwise(pl.lit("false")) for name in broken]
    texts = [pl.when(~pl.col(name)).then(pl.lit(text)) for name, text in broken.items()]
    return [
        (pl.lit("{") + pl.concat_str(held, separator=", ") + pl.lit("}")).alias("checklist"),
        pl.concat_str(texts, separator="; ", ignore_nulls=True).alias("reason"),
        pl.when(pl.all_horizontal(list(broken))).then(pl.lit("ENTRY_ARMED")).otherwise(pl.lit("HOLD")).alias("action"),
    ]


def _of_regime(strategy: StrategyParams, name: str) -> pl.Expr:
    """Return the threshold that holds at each row's regime."""
    named = {regime: getattr(given, name) for regime, given in strategy.regimes.items()}
    other = getattr(strategy.thresholds, name)
    return pl.col("regime").replace_strict(named, default=other, return_dtype=pl.Float64)
