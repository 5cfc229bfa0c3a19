"""`tsis lake check`, `history`, `gc`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import typer

from tsis.cli.context import Invocation, require_data
from tsis.core.errors import DataError, IntegrityError


def check_all(invocation: Invocation) -> None:
    """Print every finding; exit 1 where there is one."""
    from tsis.lake.check import check_lake  # noqa: PLC0415
    from tsis.runtime.ledger import verified_ledger, verified_returns, verify_grown_only  # noqa: PLC0415
    from tsis.runtime.registry import verify_registry  # noqa: PLC0415
    from tsis.runtime.workspace import open_lake  # noqa: PLC0415

    lake = require_data(open_lake(invocation.lake))
    findings = [str(finding) for finding in check_lake(lake)]
    if not findings:
        try:
            verified_returns(lake.scan, verified_ledger(lake.scan))
            verify_grown_only(lake)
            verify_registry(lake)
        except IntegrityError as error:
            findings.append(str(error))
    for finding in findings:
        typer.echo(finding, err=True)
    if findings:
        raise DataError(f"{len(findings):,} findings in {lake.root}; restore the named files from a copy")
    typer.echo(f"{lake.root}: {len(lake.snapshot().tables)} tables, every file as its manifest says")


def show_history(invocation: Invocation, table: str | None) -> None:
    """Print when which snapshot was committed by whom; with a table, only those that changed it."""
    from tsis.lake.snapshot import FOLDER, read_snapshot  # noqa: PLC0415
    from tsis.runtime.workspace import open_lake  # noqa: PLC0415

    lake = require_data(open_lake(invocation.lake))
    name = lake.spec(table).name if table else None
    before: str | None = None
    for entry in lake.history():
        line = f"{entry['at']}  {entry['snapshot'][:12]}  {entry['note']}"
        if name is None:
            typer.echo(line)
            continue
        path = lake.root / FOLDER / f"{entry['snapshot']}.json"
        version = read_snapshot(path).tables.get(name) if path.exists() else None
        if version != before and version:
            typer.echo(f"{line}  {name} {version[:12]}")
        before = version


def collect(invocation: Invocation, retention_days: float) -> None:
    """Remove what nothing names and print how much that was."""
    from tsis.lake.gc import collect_garbage  # noqa: PLC0415
    from tsis.runtime.settings import REPOSITORY  # noqa: PLC0415
    from tsis.runtime.workspace import open_lake  # noqa: PLC0415

    lake = require_data(open_lake(invocation.lake))
    removed = collect_garbage(lake, datetime.now(UTC), timedelta(days=retention_days), REPOSITORY)
    typer.echo(f"{removed.files:,} files, {removed.bytes / 1e6:,.1f} MB removed")
    if removed.busy:
        typer.echo(f"left alone, being written: {', '.join(removed.busy)}")
