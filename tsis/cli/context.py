"""What every command is told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tsis.core.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from tsis.lake import Lake
    from tsis.runtime.workspace import Workspace


@dataclass(frozen=True)
class Invocation:
    """The options before the command."""

    lake: Path | None
    is_debug: bool

    def workspace(self) -> Workspace:
        """Open the lake, the stages and the parameters."""
        from tsis.runtime.workspace import open_workspace  # noqa: PLC0415

        return open_workspace(self.lake)


def require_data(lake: Lake) -> Lake:
    """Return `lake` if anything was ever published in it.

    Raises
    ------
    UsageError
        If not, so that a mistyped folder is not taken for an empty lake.
    """
    if not lake.snapshot().tables:
        raise UsageError(f"no lake in {lake.root}: 'tsis demo' or 'tsis ingest' makes one, --lake DIR chooses another")
    return lake


def console() -> Console:
    """Return a console on standard output that does not wrap what goes into a pipe."""
    from rich.console import Console  # noqa: PLC0415

    found = Console(highlight=False)
    return found if found.is_terminal else Console(highlight=False, width=max(found.width, 160))
