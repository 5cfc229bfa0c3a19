"""What a run has finished, until it stands in governance.runs and lineage."""

from __future__ import annotations

import errno
import fcntl
import json
import os
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tsis.lake.durable import make_folder, sync, whole_lines
from tsis.lake.store import Lake
from tsis.runtime.record import publish

FOLDER = "governance/_journal"


class Journal:
    """Notes each execution of a run in a file of its own, one durable line each, and publishes all of them at once.

    Where a run is killed or fails, its journal stays, and the next run publishes it: what was finished is found then.
    A lock that vanishes with the process tells a journal that was left from one in use.
    """

    def __init__(self, lake: Lake, run_id: str) -> None:
        self._lake = lake
        self.run_id = run_id
        self._path = lake.root / FOLDER / f"{run_id}.jsonl"
        self._entries: list[Mapping[str, Any]] = []
        self._descriptor: int | None = None

    def __enter__(self) -> Self:
        """Publish what earlier runs left."""
        for path in sorted(self._path.parent.glob("*.jsonl")):
            with ExitStack() as held:
                descriptor = os.open(path, os.O_RDONLY)
                held.callback(os.close, descriptor)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    continue
                if left := [json.loads(line) for line in whole_lines(path)]:
                    publish(self._lake, left, f"{path.stem} left")
                path.unlink(missing_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave to the next run what was not published."""
        if self._descriptor is not None:
            os.close(self._descriptor)

    def add(self, entry: Mapping[str, Any]) -> None:
        """Note an execution; it is durable on return."""
        if self._descriptor is None:
            self._descriptor = self._open()
        content = (json.dumps(entry) + "\n").encode()
        if os.write(self._descriptor, content) < len(content):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path))
        os.fsync(self._descriptor)
        self._entries.append(entry)

    def publish(self) -> None:
        """Append everything noted to runs and lineage, and remove the journal."""
        if self._entries:
            publish(self._lake, self._entries, f"{self.run_id} runs")
            self._path.unlink()

    def _open(self) -> int:
        """Create the journal; it gets its name after its lock, so that nobody takes it for left."""
        make_folder(self._path.parent)
        unnamed = Path(f"{self._path}.tmp")
        descriptor = os.open(unnamed, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        unnamed.rename(self._path)
        sync(self._path.parent)
        return descriptor
