"""What a table was made from, back to the sources: versions as they were, from the rows of governance.lineage."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True)
class Origin:
    """A version of a table, who made it, and what it was made from; nothing for what a source delivered."""

    table: str
    version: str
    stage: str | None
    made_from: tuple[Origin, ...]


def origin_of(table: str, version: str, lineage: pl.DataFrame) -> Origin:
    """Return the tree of versions that `table` was made from.

    Parameters
    ----------
    version : manifest hash.
    lineage : rows of governance.lineage; of several runs that made one version the newest counts.
    """
    return _origin(table, version, lineage, {})


def _origin(table: str, version: str, lineage: pl.DataFrame, known: dict[tuple[str, str], Origin]) -> Origin:
    # many tables are made from the same bars: each version is looked up once
    if (table, version) in known:
        return known[table, version]
    made = lineage.filter(pl.col("output_table") == table, pl.col("output_version") == version)
    newest = made.filter(pl.col("started_at") == pl.col("started_at").max()).sort("input_table")
    inputs = newest.select("input_table", "input_version").unique(maintain_order=True)
    parents = tuple(_origin(name, parent, lineage, known) for name, parent in inputs.iter_rows() if name != table)
    known[table, version] = Origin(table, version, str(newest["stage"][0]) if newest.height else None, parents)
    return known[table, version]
