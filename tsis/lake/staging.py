"""Where the parts of a large delivery wait until all of them are there."""

from __future__ import annotations

import shutil
from pathlib import Path
from uuid import uuid4

import polars as pl
import polars.selectors as cs
import pyarrow.parquet as pq

from tsis.core.table import TableSpec
from tsis.lake.partition import rows_by_partition

FOLDER = "_staging"


class Staging:
    """The parts that one transaction holds ready, by table and partition."""

    def __init__(self, root: Path) -> None:
        self._folder = root / FOLDER / uuid4().hex
        self._paths: dict[str, dict[str, list[Path]]] = {}

    def add(self, table: TableSpec, rows: pl.DataFrame, origin: str) -> None:
        """Write `rows` with their `origin` in a column ``_origin``, one file a partition."""
        texts = [*rows.select(cs.string()).columns, "_origin"]
        for partition, numbers in rows_by_partition(table, rows).items():
            folder = self._folder / table.name / partition
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"{uuid4().hex}.parquet"
            part = rows[numbers].with_columns(_origin=pl.lit(origin)).to_arrow(compat_level=pl.CompatLevel.oldest())
            # to look for repeated numbers takes as long as all else, and finds none
            pq.write_table(part, path, compression="lz4", use_dictionary=texts, write_statistics=False)
            self._paths.setdefault(table.name, {}).setdefault(partition, []).append(path)

    def parts(self, table: TableSpec) -> dict[str, list[Path]]:
        """Return the partitions of `table` in order, each with its files in the order in which they came."""
        return dict(sorted(self._paths.get(table.name, {}).items()))

    def spill_folder(self) -> Path:
        """Return a folder for what does not fit in memory."""
        folder = self._folder / "spill"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def forget(self, table: TableSpec) -> None:
        """Remove the parts of `table`."""
        self._paths.pop(table.name, None)
        shutil.rmtree(self._folder / table.name, ignore_errors=True)

    def remove(self) -> None:
        """Remove everything; what can't be removed is left to `tsis lake gc`."""
        shutil.rmtree(self._folder, ignore_errors=True)
