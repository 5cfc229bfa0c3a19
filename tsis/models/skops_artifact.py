"""scikit-learn estimators as bytes: skops, put into one canonical form.

skops numbers what it writes by the addresses of the objects in memory and stamps the archive with the clock, so that
equal models get other bytes each time. Here the numbers are replaced by the order of their first appearance and the
times by none; skops reads the result as it reads its own. Reading constructs listed types only, and never a pickle.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from typing import Any, Final

from tsis.core.errors import IntegrityError

MAGIC: Final = b"PK\x03\x04"
"""How the bytes begin: a zip archive."""

_SCHEMA = "schema.json"
_TIME = (1980, 1, 1, 0, 0, 0)


def dump(content: Any, kind: str) -> bytes:
    """Return `content` as skops bytes, equal for equal content, with the `kind` of its estimator as their comment."""
    import skops.io  # noqa: PLC0415  slow import

    with zipfile.ZipFile(io.BytesIO(skops.io.dumps(content))) as written:
        numbers: dict[str, int] = {}
        schema = _renumbered(json.loads(written.read(_SCHEMA)), numbers)
        files = {name: written.read(name) for name in written.namelist() if name != _SCHEMA}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.comment = kind.encode()
        for number, data in sorted((numbers[name.partition(".")[0]], name) for name in files):
            _write(archive, f"{number}.{data.partition('.')[2]}", files[data])
        _write(archive, _SCHEMA, json.dumps(schema, separators=(",", ":")).encode())
    return out.getvalue()


def load(artifact: bytes, trusted: Sequence[str]) -> Any:
    """Return what `dump` wrote.

    Parameters
    ----------
    trusted : full names of the types that may be constructed besides those that skops knows to be harmless.

    Raises
    ------
    IntegrityError
        If the bytes are no such archive, or name a type that is not trusted.
    """
    import skops.io  # noqa: PLC0415  slow import
    from skops.io.exceptions import UntrustedTypesFoundException  # noqa: PLC0415

    try:
        return skops.io.loads(artifact, trusted=list(trusted))
    except UntrustedTypesFoundException as error:
        raise IntegrityError(
            f"model artefact: it names types that no estimator here has, and was not read: {error}"
        ) from error
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError, AttributeError, ImportError) as error:
        raise IntegrityError(f"model artefact: not readable by skops ({type(error).__name__}: {error})") from error


def kind_of(artifact: bytes) -> str:
    """Return the kind of the estimator that wrote the bytes, before they are read.

    Raises
    ------
    IntegrityError
        If they are a broken archive.
    """
    if not artifact.startswith(MAGIC):
        return "xgboost"
    try:
        with zipfile.ZipFile(io.BytesIO(artifact)) as archive:
            return archive.comment.decode("ascii", errors="replace")
    except zipfile.BadZipFile as error:
        raise IntegrityError(f"model artefact: a broken archive ({error})") from error


def _renumbered(node: Any, numbers: dict[str, int]) -> Any:
    """Return the schema with the numbers of objects and files in order of appearance, which `numbers` learns."""
    if isinstance(node, list):
        return [_renumbered(item, numbers) for item in node]
    if not isinstance(node, dict):
        return node
    out: dict[str, Any] = {}
    for key, value in node.items():
        if key == "__id__":
            out[key] = numbers.setdefault(str(value), len(numbers))
        elif key == "file" and isinstance(value, str):
            name, _, kind = value.partition(".")
            out[key] = f"{numbers.setdefault(name, len(numbers))}.{kind}"
        else:
            out[key] = _renumbered(value, numbers)
    return out


def _write(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    entry = zipfile.ZipInfo(name, _TIME)
    entry.external_attr = 0o600 << 16
    entry.create_system = 3
    archive.writestr(entry, data)
