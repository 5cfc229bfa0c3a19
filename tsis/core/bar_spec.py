"""The names of bars: what closes them, in one word."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from tsis.core.errors import UsageError

Kind = Literal[
    "time", "session", "tick", "volume", "dollar",
    "tick_imbalance", "volume_imbalance", "dollar_imbalance", "tick_runs", "volume_runs", "dollar_runs",
    "range", "renko",
]  # fmt: skip
Expected = Literal["ewma", "const", "book"]

_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_SCALES: Final = {"": 1, "k": 1_000, "M": 1_000_000, "B": 1_000_000_000}
_DRIVEN: Final[dict[str, Kind]] = {
    "tib": "tick_imbalance", "vib": "volume_imbalance", "dib": "dollar_imbalance",
    "trb": "tick_runs", "vrb": "volume_runs", "drb": "dollar_runs",
}  # fmt: skip
_TIME: Final = re.compile(r"(time|session)_([1-9]\d{0,4})([smhd])")
_AMOUNT: Final = re.compile(r"(tick|volume|dollar|tib|vib|dib|trb|vrb|drb)_([1-9]\d*(?:\.\d+)?)([kMB]?)(_const|_book)?")
_POINTS: Final = re.compile(r"(range|renko)_([1-9]\d*(?:\.\d+)?|0\.0*[1-9]\d*)")


@dataclass(frozen=True)
class BarSpec:
    """A parsed bar specification.

    Parameters
    ----------
    name : as written, ``dollar_70M``; it is the value of the column ``bar_spec``.
    kind : what is counted.
    threshold : seconds (of time and session bars), trades, units, or quote currency; of imbalance and runs bars the
        trades expected of the first bar; of range and Renko bars points of the adjusted price.
    expected : of imbalance and runs bars: expected trades that follow the bars or stay, both within bounds, or the
        book's recursion without bounds.
    """

    name: str
    kind: Kind
    threshold: float
    expected: Expected | None = None


def parse_bar_spec(name: str) -> BarSpec:
    """Return what the name of a bar specification means.

    - ``time_<n><s|m|h|d>``, ``tick_<n>``, ``volume_<n>``, ``dollar_<n>``: the bars of AFML 2.3.1. A day is the
      exchange's session and comes from daily bars only, so that ``time_1d`` is the one specification in days.
    - ``session_<n><s|m|h>``: time bars that begin with the exchange's open and end with its close; ``session_1d`` is
      the session as its trades made it.
    - ``tib_<n>``, ``vib_<n>``, ``dib_<n>``: tick, volume and dollar imbalance bars; ``trb_<n>``, ``vrb_<n>``,
      ``drb_<n>``: runs bars; n trades are expected of the first bar (AFML 2.3.2). With ``_const`` n trades are expected
      of every bar, with ``_book`` the recursion has no bounds.
    - ``range_<points>``, ``renko_<points>``: a range or a brick in the price, as ``range_2.5`` or ``renko_0.0005``.

    Amounts and counts may end in k, M or B (thousand, million, billion).

    Raises
    ------
    UsageError
        If `name` is none of these.
    """
    if found := _TIME.fullmatch(name):
        kind, count, unit = found[1], int(found[2]), found[3]
        if unit == "d" and count != 1:
            raise UsageError(f"bar_spec {name!r}: bars of several days are not built; use {kind}_1d")
        return BarSpec(name, "time" if kind == "time" else "session", float(count * _SECONDS[unit]))
    if found := _POINTS.fullmatch(name):
        return BarSpec(name, "range" if found[1] == "range" else "renko", float(found[2]))
    if (found := _AMOUNT.fullmatch(name)) and (found[1] in _DRIVEN or not found[4]):
        kind, amount = found[1], float(found[2]) * _SCALES[found[3]]
        if kind not in ("volume", "dollar") and not amount.is_integer():
            raise UsageError(f"bar_spec {name!r}: trades are whole; write {kind}_1000 or {kind}_1k")
        if kind in _DRIVEN:
            expected: Expected = {"_const": "const", "_book": "book"}.get(found[4], "ewma")  # type: ignore[assignment]
            return BarSpec(name, _DRIVEN[kind], amount, expected)
        return BarSpec(name, kind, amount)  # type: ignore[arg-type]
    raise UsageError(
        f"unknown bar_spec {name!r}; write time_<n><s|m|h|d>, session_<n><s|m|h|d>, tick_<n>, volume_<n>, "
        "dollar_<n>, an imbalance bar (tib_<n>, vib_<n>, dib_<n>) or a runs bar (trb_<n>, vrb_<n>, drb_<n>), each also "
        "with _const or _book, range_<points> or renko_<points>; n > 0, with k, M or B if you like: time_5m, "
        "tick_1000, volume_2.5k, dollar_70M, dib_1k, trb_500_const, range_2.5"
    )
