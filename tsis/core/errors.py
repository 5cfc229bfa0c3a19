"""Every error that TSIS raises on purpose.

::

    TsisError                 exit code 1
    ├── DataError             rows or files that break a rule
    │   ├── ContractError     a table's declared contract is broken
    │   ├── GateError         a quality check of severity error failed: nothing was promoted
    │   └── RevisionError     a known key arrives with other values and no new ``known_at``
    ├── StoreError            the lake could not be read or written
    │   ├── IntegrityError    what lies on disk is not what the manifest says
    │   └── LockTimeoutError  another process holds the table
    ├── StageError            a stage failed
    └── UsageError            exit code 2: wrong call or configuration
        ├── UnknownNameError  no such table, ticker, stage, source (with the nearest name)
        └── ParamsError       params.yaml or a TSIS_* setting is wrong

A message says what, where, how many, and what to do.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class TsisError(Exception):
    """Base of all errors raised on purpose; the CLI prints its message without a traceback."""

    exit_code = 1
    is_retryable = False
    """Whether the same call may succeed later with nothing changed: a schedule tries it again."""


class DataError(TsisError):
    """Rows or files that break a rule of the data."""


class ContractError(DataError):
    """A frame does not meet the contract of the table that it is meant for."""


class GateError(DataError):
    """Candidates fail a quality check, or could not be judged: the snapshot of before stays current."""


class RevisionError(DataError):
    """A key that the lake knows arrives with other values and without a new ``known_at``."""


class StoreError(TsisError):
    """The lake could not be read or written."""


class IntegrityError(StoreError):
    """What lies on disk is not what the manifest says."""


class LockTimeoutError(StoreError):
    """Another process holds a table for longer than the caller would wait."""

    is_retryable = True


class StageError(TsisError):
    """A stage failed; the message names the stage, the unit of work and the cause."""


class UsageError(TsisError):
    """A wrong call or configuration."""

    exit_code = 2


class ParamsError(UsageError):
    """A parameter or setting is unknown, missing or out of range."""


_FEW = 2
"""Letters that too many names contain."""


class UnknownNameError(UsageError):
    """A name that does not exist, with the nearest one that does."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        """Compose ``unknown table 'dolar_bars'; did you mean 'dollar_bars'?``."""
        candidates = sorted(set(known))
        alike = difflib.get_close_matches(name, candidates, n=1, cutoff=0.75)
        containing = sorted((found for found in candidates if len(name) > _FEW and name in found), key=len)
        nearest = [*alike, *containing, *difflib.get_close_matches(name, candidates, n=1, cutoff=0.5)]
        hint = f"did you mean '{nearest[0]}'?" if nearest else f"known: {some(candidates)}"
        super().__init__(f"unknown {kind} '{name}'; {hint}")


def some(items: Iterable[object], limit: int = 5) -> str:
    """Return up to `limit` items as text, followed by how many more there are."""
    listed = [str(item) for item in items]
    shown = ", ".join(listed[:limit]) or "none"
    return shown if len(listed) <= limit else f"{shown} and {len(listed) - limit:,} more"
