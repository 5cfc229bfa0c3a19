"""What a strategy makes of its model's predictions."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from tsis.core.params import Params
from tsis.core.series import AssetClass, BarSpecName
from tsis.signals.regime_thresholds import Regime, Thresholds
from tsis.signals.sizing import ProbabilitySizing, Sizing


class SeriesOf(Params):
    """The series that a model decides on: all tickers of an asset class, on one bar specification."""

    asset_class: AssetClass
    bar_spec: BarSpecName


class StrategyParams(Params):
    """What a strategy makes of its model's predictions.

    Parameters
    ----------
    series : an event of it without a prediction is held back, and the reason said: no model was fitted by then, or no
        features were known. Null looks at predictions alone. Keep it equal to the model's.
    pt, sl : distance of target and stop from the entry, in multiples of the event's volatility. The model learnt to
        predict the barriers of the labels: keep them equal to ``triple_barrier``.
    trail : distance of a trailing stop from the best price since the entry, likewise in multiples; the stop at `sl`
        holds until the trailing one has passed it. Null has none. The labels know no trailing stop: a model then
        predicts other exits than those that are made.
    max_bars, max_seconds : when the position is closed at the latest; likewise the vertical barrier of the labels.
    max_missing_frac : an event of whose features a larger share is missing is held back: what a model says of nothing
        is no prediction.
    min_probability : an event below it is held back.
    min_stop_ticks : a stop nearer than so many ticks would be hit by the bounce between bid and ask.
    round_trip_cost_bps : what entering and leaving costs; the target must be farther away than that.
    thresholds : what a prediction must reach in every regime that `regimes` does not name.
    regimes : likewise in one regime.
    min_bars : an event on a series that has fewer bars by then is held back: no regime is told from so few.
    sizing : how much to bet, by its ``kind``; see `tsis.signals.sizing`.
    needs_regime : an event at whose bar the market regime is undefined, or not told by ``processed_features.regimes``,
        is held back. False turns this rule and `min_bars` off.
    """

    series: SeriesOf | None = None
    pt: float = Field(gt=0)
    sl: float = Field(gt=0)
    trail: float | None = Field(default=None, gt=0)
    max_bars: int | None = Field(default=None, ge=1)
    max_seconds: float | None = Field(default=None, gt=0)
    max_missing_frac: float = Field(default=0.5, ge=0, le=1)
    min_probability: float = Field(default=0.5, ge=0, le=1)
    min_stop_ticks: float = Field(default=2.0, ge=0)
    round_trip_cost_bps: float = Field(ge=0)
    thresholds: Thresholds = Thresholds()
    regimes: dict[Regime, Thresholds] = Field(default_factory=dict)
    min_bars: int = Field(default=50, ge=0)
    sizing: Sizing = ProbabilitySizing()
    needs_regime: bool = True

    @model_validator(mode="after")
    def _ends(self) -> Self:
        if self.max_bars is None and self.max_seconds is None:
            raise ValueError("a position needs an end: give max_bars, max_seconds, or both")
        return self
