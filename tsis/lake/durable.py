"""Writing so that a crash leaves the old file or the new one, never half of one."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
from pathlib import Path

_TAIL = 65_536


def sync(path: Path) -> None:
    """Make the content of a file, or the renames and deletions in a folder, durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Create `folder` and make it durable with every parent that had to be created."""
    missing = [folder]
    while not missing[-1].parent.exists():
        missing.append(missing[-1].parent)
    folder.mkdir(parents=True, exist_ok=True)
    for created in reversed(missing):
        sync(created.parent)


def replace_file(path: Path, content: bytes) -> None:
    """Write `content` to `path`: temporary file, fsync, rename, fsync of the folder."""
    if not path.parent.exists():
        make_folder(path.parent)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(content)
        sync(temporary)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync(path.parent)


def replace_if_changed(path: Path, content: bytes) -> None:
    """Write `content` to `path` as `replace_file` does; a file that holds it already is left alone."""
    if not path.exists() or path.read_bytes() != content:
        replace_file(path, content)


def append_line(path: Path, line: str) -> None:
    """Append one line to a log and make it durable, wholly or not at all; half a line of a crash is cut off."""
    if not path.parent.exists():
        make_folder(path.parent)
    content = (line + "\n").encode()
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        whole = _size_of_whole_lines(descriptor)
        os.ftruncate(descriptor, whole)
        try:
            if os.write(descriptor, content) < len(content):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        except OSError:
            os.ftruncate(descriptor, whole)
            raise
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def whole_lines(path: Path) -> list[str]:
    """Return the lines of a log, without one that is just being written; none where there is no log."""
    return path.read_bytes().rpartition(b"\n")[0].decode().splitlines() if path.exists() else []


def last_line(path: Path) -> str | None:
    """Return the last whole line of a log of short lines, None where there is none."""
    if not path.exists():
        return None
    with path.open("rb") as log:
        log.seek(max(0, os.fstat(log.fileno()).st_size - _TAIL))
        return log.read().rpartition(b"\n")[0].rpartition(b"\n")[2].decode() or None


def _size_of_whole_lines(descriptor: int) -> int:
    size = os.fstat(descriptor).st_size
    if size == 0 or os.pread(descriptor, 1, size - 1) == b"\n":
        return size
    return os.pread(descriptor, size, 0).rfind(b"\n") + 1


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's content."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
