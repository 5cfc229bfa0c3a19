"""`tsis features list`, `show` and `audit`."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import typer
from rich.markup import escape
from rich.table import Table as Grid

from tsis.cli.context import Invocation, console, require_data
from tsis.core.errors import DataError, UnknownNameError
from tsis.core.stream import NAMES

if TYPE_CHECKING:
    from tsis.features.features import FeaturesParams


def list_features(invocation: Invocation, *, as_markdown: bool) -> None:
    """Print every family that params.yaml chooses, with what it puts out."""
    from tsis.features.families import families  # noqa: PLC0415
    from tsis.runtime.feature_pages import features_markdown  # noqa: PLC0415

    banks = _params(invocation).banks()
    if as_markdown:
        typer.echo(features_markdown(families(), banks), nl=False)
        return
    grid = Grid("family", "what it is", "features", box=None)
    for name, bank in banks.items():
        grid.add_row(name, escape(families()[name].description), ", ".join(output.name for output in bank.outputs))
    console().print(grid)
    typer.echo(f"{sum(len(bank.outputs) for bank in banks.values())} features; 'tsis features show NAME' describes one")


def show_feature(invocation: Invocation, name: str) -> None:
    """Print what a feature, or each of a family, is."""
    banks = _params(invocation).banks()
    chosen = [
        (bank, output) for family, bank in banks.items() for output in bank.outputs if name in (family, output.name)
    ]
    if not chosen:
        known = [output.name for bank in banks.values() for output in bank.outputs]
        raise UnknownNameError("feature", name, [*banks, *known])
    grid = Grid("feature", "unit", "meaning", "source", "reads", "warm-up (bars)", box=None)
    for bank, output in chosen:
        reads = ", ".join(NAMES[stream] for stream in bank.inputs)
        texts = (output.name, output.unit, output.description, output.source, reads, str(output.warm_up))
        grid.add_row(*(escape(text) for text in texts))
    console().print(grid)


def audit_features(invocation: Invocation, tickers: list[str], bar_specs: list[str], n_rows: int) -> None:
    """Print which law which feature keeps on the bars of the lake; exit 1 where one is broken."""
    from tsis.runtime.feature_audit import STORED, audit_lake  # noqa: PLC0415
    from tsis.runtime.workspace import open_lake  # noqa: PLC0415

    lake = require_data(open_lake(invocation.lake))
    tried: Counter[tuple[str, str]] = Counter()
    values: Counter[tuple[str, str]] = Counter()
    columns: dict[str, set[str]] = {}
    series, broken = set(), []
    for audited in audit_lake(lake, _params(invocation), tickers, bar_specs, n_rows):
        series.add(audited.series)
        for finding in audited.findings:
            columns.setdefault(audited.family, set()).add(finding.column)
            tried[audited.family, finding.law] += finding.n_broken
            values[audited.family, finding.law] += finding.n_tried
            if finding.n_broken:
                broken.append((audited.series, finding))
    laws = list(dict.fromkeys(law for _, law in tried))
    grid = Grid("family", "features", *laws, box=None)
    for family, names in columns.items():
        verdicts = (_verdict(tried[family, law], values[family, law]) for law in laws)
        grid.add_row(family, str(len(names)), *verdicts)
    console().print(grid)
    for name, finding in broken[:20]:
        typer.echo(
            f"{finding.column}: '{finding.law}' is broken on {name} for {finding.n_broken:,} of {finding.n_tried:,} "
            f"values, first at {finding.first_broken:,}",
            err=True,
        )
    n_features = sum(map(len, columns.values()))
    if broken:
        worst = len({finding.column for _, finding in broken})
        if all(finding.law == STORED for _, finding in broken):
            raise DataError(
                f"{worst} of {n_features} features on {len(series)} series are not what the lake stores; "
                "'tsis run features' computes them anew"
            )
        raise DataError(f"{worst} of {n_features} features break a law on {len(series)} series; do not trade on them")
    typer.echo(f"{n_features} features on {len(series)} series keep every law")


def _verdict(n_broken: int, n_tried: int) -> str:
    return f"[red]broken: {n_broken:,}[/] of {n_tried:,}" if n_broken else f"kept ({n_tried:,})"


def _params(invocation: Invocation) -> FeaturesParams:
    from tsis.features.features import FeaturesParams  # noqa: PLC0415

    params = invocation.workspace().params["features"]
    if not isinstance(params, FeaturesParams):
        raise TypeError(f"the stage features has parameters of type {type(params).__name__}")
    return params
