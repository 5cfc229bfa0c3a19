"""Fair value gaps: the nearest one of each timeframe and direction, how many there are, and what became of the newest.

A gap of three bars is known when the third closes. A timeframe's bars are made of the series' own bars and count once
they are complete (`tsis.kernels.timeframe_bars`): intraday ones begin at multiples of their length since midnight UTC,
D1 is the session between its open and close. Where a bar of the series takes longer than the timeframe, its columns are
missing; where it takes as long, it is the timeframe's bar. Every row's high and low fill gaps, also outside of session
hours; what a gap goes through is told in `tsis.kernels.fair_value_gaps`, which keeps the newest `capacity` unfilled
gaps a timeframe and direction and drops older ones.

Bullish gaps that are not filled lie below the close, or around it; bearish ones above.

quality = (w1 size / (1 + size) + w2 displacement / (1 + displacement) + w3 volume / (1 + volume) + w4 trend
+ w5 session) / (w1 + … + w5), fixed when the gap is known: size of the gap and displacement, the body of the middle bar
in its direction, in ATR; volume of the middle bar over its mean; trend 1 where the third bar closed beyond the EMA in
the gap's direction, else 0; session 1 where the middle bar closed in the hours of the session, else 0. A part that is
not known, such as the volume of a series without one, is left out with its weight. ATR and mean volume are Wilder's, as
of the third bar.

A row without prices has no values and changes nothing. ATR, mean volume and EMA are recursions: they forget a misprint
only in time.
"""

from __future__ import annotations

import re
from typing import Final, Self

from pydantic import Field, field_validator, model_validator

from tsis.core.feature import Bank, Feature, bank
from tsis.core.params import Params
from tsis.core.stream import (
    CLOSE,
    HIGH,
    LOW,
    OPEN,
    SESSION,
    SESSION_CLOSE,
    SESSION_OPEN,
    TS_CLOSE,
    TS_OPEN,
    VOLUME,
)
from tsis.kernels.fair_value_gaps import N_OUTPUTS, follow_gaps, state_size

_MINUTE_US: Final = 60_000_000
_NAME: Final = re.compile(r"([MH])([1-9]\d*)")
DIRECTIONS: Final = ("bullish", "bearish")


def length_us(timeframe: str) -> int:
    """Return the length of ``M5``, ``H1``, …, 0 for ``D1``, the session.

    Raises
    ------
    ValueError
        If it is no timeframe, or if its bars would not begin anew every midnight UTC.
    """
    found = _NAME.fullmatch(timeframe)
    if timeframe != "D1" and found is None:
        raise ValueError(f"{timeframe!r} is no timeframe: M and minutes, H and hours, or D1")
    minutes = int(found[2]) * (60 if found[1] == "H" else 1) if found else 0
    if found and (minutes >= 1440 or 1440 % minutes):
        raise ValueError(f"timeframe {timeframe!r} does not divide the day; the whole day is D1")
    return minutes * _MINUTE_US


class QualityWeights(Params):
    """What each part of the quality score weighs; only the proportions count."""

    size: float = Field(default=0.30, ge=0)
    displacement: float = Field(default=0.25, ge=0)
    volume: float = Field(default=0.15, ge=0)
    trend: float = Field(default=0.20, ge=0)
    session: float = Field(default=0.10, ge=0)

    @model_validator(mode="after")
    def _size_weighs(self) -> Self:
        # always known, unlike the others: so the score is
        if not self.size + self.displacement > 0:
            raise ValueError("size or displacement must weigh something: the other parts are not always known")
        return self


class FairValueGapParams(Params):
    """Parameters of `fair_value_gap`; those of the table of the same name are its own.

    Parameters
    ----------
    timeframes : ``M5``: five minutes, ``H1``: an hour, ``D1``: the session.
    capacity : unfilled gaps that are followed, a timeframe and direction.
    atr_period : bars of the timeframe in ATR and mean volume.
    trend_period : bars of the timeframe in the EMA.
    min_size_atr : a smaller gap is none.
    weights : of the quality score.
    """

    timeframes: tuple[str, ...] = ("M5", "M15", "H1", "H4", "D1")
    capacity: int = Field(default=16, ge=1, le=1000)
    atr_period: int = Field(default=14, ge=2)
    trend_period: int = Field(default=20, ge=1)
    min_size_atr: float = Field(default=0.0, ge=0)
    weights: QualityWeights = QualityWeights()

    @field_validator("timeframes")
    @classmethod
    def _are_timeframes(cls, timeframes: tuple[str, ...]) -> tuple[str, ...]:
        if not timeframes or len({length_us(name) for name in timeframes}) < len(timeframes):
            raise ValueError("give each timeframe once, and at least one")
        return timeframes

    def numbers(self) -> tuple[float, ...]:
        """Return the parameters as the kernel takes them."""
        weights = self.weights
        return (
            *(
                len(self.timeframes),
                self.capacity,
                self.atr_period,
                self.atr_period,
                self.trend_period,
                self.min_size_atr,
            ),
            *(weights.size, weights.displacement, weights.volume, weights.trend, weights.session),
            *(length_us(timeframe) for timeframe in self.timeframes),
        )


@bank
def fair_value_gap(params: FairValueGapParams) -> Bank:
    """Return the bank."""
    outputs = tuple(
        feature
        for timeframe in params.timeframes
        for direction in DIRECTIONS
        for feature in _features(timeframe, direction, params)
    )
    assert len(outputs) == 2 * N_OUTPUTS * len(params.timeframes)
    return Bank(
        inputs=(TS_OPEN, TS_CLOSE, OPEN, HIGH, LOW, CLOSE, VOLUME, SESSION, SESSION_OPEN, SESSION_CLOSE),
        outputs=outputs,
        params=params.numbers(),
        state_size=state_size(len(params.timeframes), params.capacity),
        step=follow_gaps,
    )


def _features(timeframe: str, direction: str, params: FairValueGapParams) -> list[Feature]:
    gap = f"the nearest unfilled {direction} fair value gap of {timeframe}"
    edge, side, from_edge = (
        ("top", "below", "Close minus its top")
        if direction == "bullish"
        else ("bottom", "above", "Its bottom minus the close")
    )
    told = {
        "distance": (
            "ATR",
            f"{from_edge}, over the ATR of {params.atr_period} {timeframe} bars, of {gap}: below 0 inside of it",
        ),
        "size": ("ATR", f"Height of {gap} over the ATR when it was known"),
        "age": ("bars", f"{timeframe} bars closed since {gap} was known"),
        "filled": ("frac", f"Share of {gap} that was traded since, from its {edge} on"),
        "quality": ("frac", f"Score of {gap} when it was known, from size, displacement, volume, trend and session"),
        "count": ("count", f"Unfilled {direction} fair value gaps of {timeframe}, which lie {side} the close"),
        "state": (
            "code",
            f"Newest {direction} fair value gap of {timeframe}: 0 open, 1 partly filled, 2 filled, 3 inverted "
            "(the bar that filled it closed beyond it)",
        ),
    }
    # bars 1 to atr_period have a true range
    return [
        Feature(
            f"fvg_{timeframe.lower()}_{direction}_{name}",
            unit,
            description,
            params.atr_period,
            "three-bar fair value gap (ICT)",
        )
        for name, (unit, description) in told.items()
    ]
