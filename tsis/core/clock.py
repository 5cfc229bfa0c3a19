"""The clock, passed in by whoever needs the time; domain code never asks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time in UTC."""

    def now(self) -> datetime:
        """Return the current time, aware, UTC, microseconds."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the current time, aware, UTC."""
        return datetime.now(UTC)


@dataclass
class FrozenClock:
    """A clock that stands still until it is set; for replays and tests."""

    at: datetime

    def now(self) -> datetime:
        """Return the time that it was set to."""
        return self.at
