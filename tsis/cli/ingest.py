"""`tsis ingest`: the options of a source are the fields of its request."""

from __future__ import annotations

import types
import typing
from collections.abc import Sequence
from typing import Any

import typer
from rich.markup import escape
from rich.table import Table as Grid

from tsis.cli.context import Invocation, console
from tsis.core.errors import UnknownNameError, UsageError, some
from tsis.runtime.finish import finish
from tsis.runtime.ingest import ingest
from tsis.runtime.sources import request_for, source_named, sources
from tsis.sources.protocol import AnySource


def ingest_from(invocation: Invocation, name: str | None, arguments: Sequence[str]) -> None:
    """Ingest and say what came of it; without a source list them, with --help list a source's options."""
    if name in (None, "--help", "-h"):
        _show_sources()
        return
    source = source_named(str(name))
    if {"--help", "-h"} & set(arguments):
        _show_options(source)
        return
    request = request_for(source, parse_options(source, arguments))
    workspace = invocation.workspace()
    done = ingest(workspace.lake, source, request)
    finish(workspace.lake, workspace.settings.warehouse, done.run_id)
    taken = "these files were taken before; nothing changed" if done.is_known else "nothing was delivered"
    for line in done.summary() or [taken]:
        typer.echo(line)
    if strangers := done.strangers(workspace.lake):
        typer.echo(
            f"warning: no row in reference.tickers_dim for {some(strangers)}: no stage will run for them. "
            "Add it with 'tsis ingest files --table reference.tickers_dim --path FILE' ('tsis tables tickers_dim' "
            "lists the columns), or for LEAN data without --tables",
            err=True,
        )
    for path in done.quarantine_files:
        typer.echo(f"quarantined rows with their reasons: {path}")


def parse_options(source: AnySource, arguments: Sequence[str]) -> dict[str, Any]:
    """Return field to value: lists are repeated or comma-separated, mappings are ``theirs=ours``, flags stand alone.

    Raises
    ------
    UsageError
        If an argument is no option, an option is unknown, or its value is missing.
    """
    fields = source.request.model_fields
    options: dict[str, Any] = {}
    waiting = list(arguments)
    while waiting:
        flag, joined, value = waiting.pop(0).partition("=")
        option = flag.removeprefix("--").replace("-", "_")
        if not flag.startswith("--"):
            raise UsageError(f"{flag!r} is no option; 'tsis ingest {source.name} --help' lists them")
        if option not in fields:
            known = [f"--{name.replace('_', '-')}" for name in fields]
            raise UnknownNameError(f"option of source {source.name}", flag, known)
        kinds = _kinds(fields[option].annotation)
        if bool in kinds and not joined:
            options[option] = True
            continue
        if not joined and not waiting:
            raise UsageError(f"{flag} needs a value")
        text = value if joined else waiting.pop(0)
        if dict in kinds:
            options[option] = {**options.get(option, {}), **_mapping(flag, text)}
        elif kinds & {list, tuple}:
            options[option] = [*options.get(option, []), *text.split(",")]
        else:
            options[option] = text
    return options


def _mapping(flag: str, text: str) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in text.split(",")]
    if not all(equals and ours for _, equals, ours in pairs):
        raise UsageError(f"{flag} {text!r} must read theirs=ours, e.g. {flag} Price=price,Volume=size")
    return {theirs: ours for theirs, _, ours in pairs}


def _kinds(annotation: Any) -> set[Any]:
    is_union = typing.get_origin(annotation) in (typing.Union, types.UnionType)
    alternatives = typing.get_args(annotation) if is_union else (annotation,)
    return {typing.get_origin(kind) or kind for kind in alternatives}


def _show_sources() -> None:
    grid = Grid("source", "what it reads", box=None)
    for name, source in sources().items():
        grid.add_row(name, escape(source.description))
    console().print(grid)
    console().print(
        "Options of one: tsis ingest SOURCE --help. Example: tsis ingest lean --path lean/Data --tickers IBM"
    )


def _show_options(source: AnySource) -> None:
    grid = Grid("option", "needed", "meaning", box=None)
    for name, field in source.request.model_fields.items():
        default = (
            ""
            if field.is_required() or not isinstance(field.default, str | int | float)
            else f" (default {field.default})"
        )
        needed = "yes" if field.is_required() else ""
        grid.add_row(f"--{name.replace('_', '-')}", needed, escape(f"{field.description or ''}{default}"))
    console().print(f"tsis ingest {source.name}: {escape(source.description)}")
    console().print(grid)
