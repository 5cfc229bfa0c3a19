"""What a run reports: one outcome a stage."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Protocol

from tsis.core.errors import some

Status = Literal["success", "partial", "failed", "unchanged", "skipped"]


@dataclass(frozen=True)
class Outcome:
    """How one stage ended.

    `status`: ``success``; ``partial`` (some tickers failed, the others are published); ``failed``; ``unchanged`` (code,
    params and inputs match an earlier success); ``skipped`` (a stage that it needs failed).
    """

    stage: str
    status: Status
    rows_in: int = 0
    rows_out: int = 0
    rows_quarantined: int = 0
    seconds: float = 0.0
    compile_s: float = 0.0
    failures: dict[str, str] = field(default_factory=dict)

    @property
    def error(self) -> str | None:
        """Return what failed and why, None where nothing did."""
        if not self.failures:
            return None
        return some([f"{unit}: {reason}" if unit else reason for unit, reason in self.failures.items()], limit=3)


@dataclass(frozen=True)
class RunReport:
    """How a run ended: its id, the snapshot that it left, and the outcomes in running order."""

    run_id: str
    snapshot: str
    outcomes: tuple[Outcome, ...]

    @property
    def failed(self) -> list[Outcome]:
        """Return the outcomes that are not as they should be."""
        return [outcome for outcome in self.outcomes if outcome.status in ("failed", "partial", "skipped")]


class Progress(Protocol):
    """Is told how a run goes on."""

    def started(self, stage: str, position: int, total: int) -> None:
        """Tell that a stage begins."""
        ...

    def ended(self, outcome: Outcome) -> None:
        """Tell that a stage ended."""
        ...


class Silent:
    """Tells nobody."""

    def started(self, stage: str, position: int, total: int) -> None:
        """Do nothing."""

    def ended(self, outcome: Outcome) -> None:
        """Do nothing."""
