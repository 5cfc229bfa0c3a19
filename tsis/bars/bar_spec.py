"""The names of bars: what closes them, in one word."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from tsis.core.errors import UsageError

Kind = Literal["time", "tick", "volume", "dollar"]

_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_SCALES: Final = {"": 1, "k": 1_000, "M": 1_000_000, "B": 1_000_000_000}
_TIME: Final = re.compile(r"time_([1-9]\d{0,4})([smhd])")
_AMOUNT: Final = re.compile(r"(tick|volume|dollar)_([1-9]\d*(?:\.\d+)?)([kMB]?)")


@dataclass(frozen=True)
class BarSpec:
    """A parsed bar specification.

    Parameters
    ----------
    name : as written, ``dollar_70M``; it is the value of the column ``bar_spec``.
    kind : what is counted.
    threshold : seconds, trades, units, or quote currency.
    """

    name: str
    kind: Kind
    threshold: float


def parse_bar_spec(name: str) -> BarSpec:
    """Return what ``time_<n><s|m|h|d>``, ``tick_<n>``, ``volume_<n>`` or ``dollar_<n>`` means.

    Amounts may end in k, M or B (thousand, million, billion). A day is the exchange's session and comes from daily
    bars only, so that ``time_1d`` is the one specification in days.

    Raises
    ------
    UsageError
        If `name` is none of these.
    """
    if found := _TIME.fullmatch(name):
        count, unit = int(found[1]), found[2]
        if unit == "d" and count != 1:
            raise UsageError(f"bar_spec {name!r}: bars of several days are not built; use time_1d")
        return BarSpec(name, "time", float(count * _SECONDS[unit]))
    if found := _AMOUNT.fullmatch(name):
        kind, amount = found[1], float(found[2]) * _SCALES[found[3]]
        if kind == "tick" and not amount.is_integer():
            raise UsageError(f"bar_spec {name!r}: trades are whole; write tick_1000 or tick_1k")
        return BarSpec(name, kind, amount)  # type: ignore[arg-type]
    raise UsageError(
        f"unknown bar_spec {name!r}; write time_<n><s|m|h|d>, tick_<n>, volume_<n> or dollar_<n>, "
        "n > 0, amounts with k, M or B if you like: time_5m, tick_1000, volume_2.5k, dollar_70M"
    )
