"""Says in one line that the lake can't be written, whatever library noticed it."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from tsis.core.errors import StoreError

_CAUSES = frozenset(
    {
        *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG),
        *(errno.EROFS, errno.EACCES, errno.EPERM),
        *(errno.ENOTDIR, errno.EEXIST),
    }
)


def unwritable(root: Path, error: BaseException | None, outcome: str) -> StoreError | None:
    """Return what `error` means for the lake at `root`; None if it is not about writing there.

    Parameters
    ----------
    error : a full disk, a quota, missing rights, or anything else.
    outcome : what readers see after it.
    """
    if isinstance(error, OSError) and error.errno in _CAUSES:
        if error.filename is not None and not Path(str(error.filename)).is_relative_to(root):
            return None
        cause = error.strerror or str(error)
    elif isinstance(error, duckdb.OutOfMemoryException):
        # the sorted rows of a large delivery could not be spilled to the staging folder
        cause = str(error).partition("\n")[0]
    else:
        return None
    return StoreError(f"could not write under {root}: {cause}; {outcome}. Make room or give write access and try again")


@contextmanager
def writing(root: Path, outcome: str) -> Iterator[None]:
    """Raise `unwritable` in place of what it translates."""
    try:
        yield
    except (OSError, duckdb.Error) as error:
        translated = unwritable(root, error, outcome)
        if translated is None:
            raise
        raise translated from error
