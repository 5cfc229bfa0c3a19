"""The laws of features, tried: on made-up bars by the tests, on a user's own bars by ``tsis features audit``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tsis.core.feature import Array, Bank
from tsis.core.stream import (
    CLOSE,
    HIGH,
    IS_HALF_DAY,
    LOW,
    OPEN,
    SESSION,
    SESSION_CLOSE,
    SESSION_OPEN,
    TS_CLOSE,
    TS_OPEN,
)
from tsis.features.engine import Engine

_CALENDAR: Final = [TS_OPEN, TS_CLOSE, SESSION, SESSION_OPEN, SESSION_CLOSE, IS_HALF_DAY]
_PRICES: Final = [OPEN, HIGH, LOW, CLOSE]


@dataclass(frozen=True)
class Finding:
    """What one law says of one column.

    Parameters
    ----------
    column, law : the output, and which law was tried.
    n_tried : values compared.
    n_broken, first_broken : values that differ, and the row of the first one; None where all agree.
    """

    column: str
    law: str
    n_tried: int
    n_broken: int
    first_broken: int | None


def audit(bank: Bank, given: Array, cuts: Sequence[int]) -> list[Finding]:
    """Try every law on every output of a bank.

    - ``live = batch``: bar by bar, from a restart at every cut, gives the same bits as one call.
    - ``no look-ahead``: whatever comes after a cut, all up to it stays the same; tried with other bars and with none.
    - ``increment = rebuild``: pieces from cut to cut, with the checkpoint saved as bytes between them, give the same
      bits, and so does the last checkpoint.
    - ``warm-up``: no value comes before the declared warm-up.

    Parameters
    ----------
    given : (`N_GIVEN`, n) streams of the bars of one series in order.
    cuts : rows, 0 < cut < n, in order.
    """
    engine = Engine([bank])
    whole, last = engine.fold(given, engine.start())
    laws: dict[str, Callable[[], tuple[Array, Array]]] = {
        "live = batch": lambda: (whole, _live(engine, given, cuts)),
        "no look-ahead": lambda: _futures(engine, given, whole, cuts),
        "increment = rebuild": lambda: (_below(whole, last), _below(*_pieces(engine, given, cuts))),
        "warm-up": lambda: _before_warm_up(bank, whole),
    }
    return [finding for law, tried in laws.items() for finding in _findings(engine.names, law, *tried())]


def _live(engine: Engine, given: Array, cuts: Sequence[int]) -> Array:
    session, out = engine.live(engine.start()), np.empty((given.shape[1], len(engine.names)))
    restarts = set(cuts)
    for i in range(given.shape[1]):
        if i in restarts:
            session = engine.live(_saved(session.checkpoint()))
        out[i] = session.step(_cut(given, i, i + 1))[0]
    return out


def _pieces(engine: Engine, given: Array, cuts: Sequence[int]) -> tuple[Array, Array]:
    checkpoint, parts = engine.start(), []
    for start, stop in pairwise([0, *cuts, given.shape[1]]):
        part, checkpoint = engine.fold(_cut(given, start, stop), _saved(checkpoint))
        parts.append(part)
    return np.concatenate(parts), checkpoint


def _futures(engine: Engine, given: Array, whole: Array, cuts: Sequence[int]) -> tuple[Array, Array]:
    """Return what is known up to every cut as it was, and with another future and with none, one after the other."""
    expected, found = [], []
    for cut in cuts:
        for future in (rewritten(given, cut), _cut(given, 0, cut)):
            expected.append(whole[:cut])
            found.append(engine.fold(future, engine.start())[0][:cut])
    return np.concatenate(expected), np.concatenate(found)


def rewritten(given: Array, cut: int) -> Array:
    """Return `given` with other prices and sizes from `cut` on: those of the rest, backwards, half as large again."""
    other = given.copy()
    other[:, cut:] = given[:, cut:][:, ::-1] * 1.5
    other[_CALENDAR, cut:] = given[_CALENDAR, cut:]
    return other


def _cut(given: Array, start: int, stop: int) -> Array:
    return np.ascontiguousarray(given[:, start:stop])


def _before_warm_up(bank: Bank, whole: Array) -> tuple[Array, Array]:
    """Return nothing but NaN, and what the outputs say in their warm-ups."""
    found = whole[: max(output.warm_up for output in bank.outputs)].copy()
    for column, output in enumerate(bank.outputs):
        found[output.warm_up :, column] = np.nan
    return np.full_like(found, np.nan), found


def _saved(checkpoint: Array) -> Array:
    return np.frombuffer(checkpoint.tobytes()).copy()


def _below(rows: Array, checkpoint: Array) -> Array:
    """Return the rows and, under every column, the checkpoint after them."""
    return np.vstack([rows, np.repeat(checkpoint[:, None], rows.shape[1], axis=1)])


def _findings(names: Sequence[str], law: str, expected: Array, found: Array) -> list[Finding]:
    broken = _bits(expected) != _bits(found)
    return [
        Finding(
            column=name,
            law=law,
            n_tried=broken.shape[0],
            n_broken=int(broken[:, place].sum()),
            first_broken=int(broken[:, place].argmax()) if broken[:, place].any() else None,
        )
        for place, name in enumerate(names)
    ]


def _bits(values: Array) -> NDArray[np.int64]:
    """Return the bits of numbers; every NaN has the same."""
    return np.where(np.isnan(values), np.nan, values).view(np.int64)
