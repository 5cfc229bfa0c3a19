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
    made = lineage.filter(pl.col("output_table") == table, pl.col("output_version") == version)
    newest = made.filter(pl.col("started_at") == pl.col("started_at").max()).sort("input_table")
    inputs = newest.select("input_table", "input_version").unique(maintain_order=True)
    parents = tuple(origin_of(name, parent, lineage) for name, parent in inputs.iter_rows() if name != table)
    return Origin(table, version, str(newest["stage"][0]) if newest.height else None, parents)
