"""Where the parts of a large delivery, or of a stage's rows, wait until all of them are there."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from uuid import uuid4

import polars as pl
import polars.selectors as cs
import pyarrow as pa
import pyarrow.parquet as pq

from tsis.core.table import TableSpec
from tsis.lake.parquet import one_batch
from tsis.lake.partition import rows_by_partition

FOLDER = "_staging"


class Staging:
    """The parts that one transaction holds ready, by table and partition."""

    def __init__(self, root: Path) -> None:
        self._folder = root / FOLDER / uuid4().hex
        self._paths: dict[str, dict[str, list[Path]]] = {}
        self._held: dict[str, dict[str, list[tuple[Path, int]]]] = {}

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

    def hold(self, table: TableSpec, rows: pl.DataFrame) -> None:
        """Write `rows` into one file, a record batch a partition; no copy of them is made in memory."""
        path = self._folder / table.name / f"{uuid4().hex}.arrow"
        path.parent.mkdir(parents=True, exist_ok=True)
        places = self._held.setdefault(table.name, {})
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.arrow_schema, options=options) as writer:
            for index, (partition, numbers) in enumerate(rows_by_partition(table, rows).items()):
                writer.write_batch(one_batch(table, rows[numbers]))
                places.setdefault(partition, []).append((path, index))

    def held(self, table: TableSpec) -> dict[str, list[Callable[[], pl.DataFrame]]]:
        """Return for each partition what reads its rows, in the order in which they came."""
        return {
            partition: [partial(_read_held, path, index) for path, index in places]
            for partition, places in self._held.get(table.name, {}).items()
        }

    def spill_folder(self) -> Path:
        """Return a folder for what does not fit in memory."""
        folder = self._folder / "spill"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def forget(self, table: TableSpec) -> None:
        """Remove the parts of `table`."""
        self._paths.pop(table.name, None)
        self._held.pop(table.name, None)
        shutil.rmtree(self._folder / table.name, ignore_errors=True)

    def remove(self) -> None:
        """Remove everything; what can't be removed is left to `tsis lake gc`."""
        shutil.rmtree(self._folder, ignore_errors=True)


def _read_held(path: Path, index: int) -> pl.DataFrame:
    with pa.memory_map(str(path)) as file:
        return pl.DataFrame(pl.from_arrow(pa.ipc.open_file(file).get_batch(index)))
