"""Which of Tokyo, London and New York is at work when a bar closes."""

from __future__ import annotations

from typing import Final

import numpy as np
from pydantic import model_validator

from tsis.core.feature import Array, Bank, Feature, bank
from tsis.core.jit import jit
from tsis.core.params import Params
from tsis.core.stream import TS_CLOSE
from tsis.kernels.daylight_saving import DAY_US, HOUR_US, daylight_saving

_TOKYO: Final = 9.0 * HOUR_US
_LONDON: Final = 0.0
_NEW_YORK: Final = -5.0 * HOUR_US


@jit
def _is_open(local_us: float, opens: float, closes: float) -> float:
    day = np.floor(local_us / DAY_US)
    time = local_us - day * DAY_US
    weekday = day + 3.0 - 7.0 * np.floor((day + 3.0) / 7.0)  # 1970 began on a Thursday
    return 1.0 if weekday < 5.0 and opens * HOUR_US <= time < closes * HOUR_US else 0.0


@jit
def _step(x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    # state: the seasons of the year
    for i in range(first, stop):
        moment = x[TS_CLOSE, i] - 1.0
        row = i - first
        if np.isnan(moment):
            for j in range(4):
                out[row, k + j] = np.nan
            continue
        new_york, london = daylight_saving(moment, state)
        out[row, k] = _is_open(moment + _TOKYO, params[0], params[1])
        is_london = _is_open(moment + _LONDON + (HOUR_US if london else 0.0), params[2], params[3])
        is_new_york = _is_open(moment + _NEW_YORK + (HOUR_US if new_york else 0.0), params[4], params[5])
        out[row, k + 1], out[row, k + 2], out[row, k + 3] = is_london, is_new_york, is_london * is_new_york


class TradingCentresParams(Params):
    """Parameters of `trading_centres`: hours of work from Monday to Friday, in local time.

    Parameters
    ----------
    tokyo, london, new_york : hour of the opening and of the close.
    """

    tokyo: tuple[float, float] = (9.0, 18.0)
    london: tuple[float, float] = (8.0, 17.0)
    new_york: tuple[float, float] = (8.0, 17.0)

    @model_validator(mode="after")
    def _are_hours(self) -> TradingCentresParams:
        for name in ("tokyo", "london", "new_york"):
            opens, closes = getattr(self, name)
            if not 0.0 <= opens < closes <= 24.0:
                raise ValueError(
                    f"{name}: {opens:g} to {closes:g} are no hours of a day; give 0 <= opening < close <= 24"
                )
        return self


def _flag(name: str, description: str) -> Feature:
    return Feature(
        name, "0 or 1", f"1 where the bar closes while {description}, else 0", 0, "foreign exchange convention"
    )


@bank
def trading_centres(params: TradingCentresParams) -> Bank:
    """Return the bank.

    Hours begin after the opening and end with the close, as sessions do. Summer time is that of `daylight_saving`.
    Public holidays are not known here.
    """
    hours = (*params.tokyo, *params.london, *params.new_york)
    tokyo, london, new_york = (f"{hours[j]:g} to {hours[j + 1]:g} o'clock local time" for j in (0, 2, 4))
    return Bank(
        inputs=(TS_CLOSE,),
        outputs=(
            _flag("asia_session", f"Tokyo works, {tokyo}, Monday to Friday"),
            _flag("london_session", f"London works, {london}, Monday to Friday"),
            _flag("new_york_session", f"New York works, {new_york}, Monday to Friday"),
            _flag("london_new_york_overlap", "London and New York both work"),
        ),
        params=hours,
        state_size=6,
        step=_step,
    )
