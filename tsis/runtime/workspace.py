"""Settings, lake, stages and parameters, put together once for a command, a flow or a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tsis.core.params import Params
from tsis.core.stage import AnyStage
from tsis.lake.store import Lake
from tsis.runtime.dag import select, stages
from tsis.runtime.finish import finish
from tsis.runtime.params import read_params
from tsis.runtime.results import Progress, RunReport
from tsis.runtime.run import run
from tsis.runtime.settings import Settings, settings
from tsis.runtime.tables import tables

if TYPE_CHECKING:
    from tsis.runtime.gate import Gate


@dataclass(frozen=True)
class Workspace:
    """A lake with the stages and parameters that work on it."""

    settings: Settings
    lake: Lake
    stages: dict[str, AnyStage]
    params: dict[str, Params]

    def run(
        self,
        names: Sequence[str] = (),
        progress: Progress | None = None,
        *,
        is_forced: bool = False,
        gate: bool = False,
    ) -> RunReport:
        """Run the stages called `names` (all where empty), then judge, write the governance files and the catalog.

        Parameters
        ----------
        gate : hold the quality checks against what the stages wrote before it is promoted.

        Raises
        ------
        GateError
            If a check of severity error fails; the snapshot of before stays current.
        """
        chain = select(names, self.stages)
        report = run(
            self.lake,
            chain,
            self.params,
            threads=self.settings.threads,
            progress=progress,
            is_forced=is_forced,
            gate=_quality_gate() if gate else None,
        )
        finish(self.lake, self.settings.warehouse, report.run_id)
        return report


def _quality_gate() -> Gate:
    from tsis.runtime.gate import quality_gate  # noqa: PLC0415

    return quality_gate


def open_lake(root: Path | None = None) -> Lake:
    """Return the lake at `root`, else at ``TSIS_LAKE``, else of the clone.

    Examples
    --------
    >>> from tsis.runtime.workspace import open_lake
    >>> bars = open_lake().scan("information_bars", tickers=["ES"]).collect()  # doctest: +SKIP
    """
    chosen = settings(root)
    params = read_params(chosen.params, stages()) if chosen.params.exists() else None
    return Lake(chosen.lake, tables(params), wait_s=chosen.lock_wait_s)


def open_workspace(root: Path | None = None) -> Workspace:
    """Return everything that is needed to run stages on the lake at `root`.

    Raises
    ------
    ParamsError
        If params.yaml or a setting is wrong.
    """
    chosen = settings(root)
    params = read_params(chosen.params, stages())
    return Workspace(chosen, Lake(chosen.lake, tables(params), wait_s=chosen.lock_wait_s), stages(), params)
