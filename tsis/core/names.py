"""Names that become paths or SQL identifiers."""

from __future__ import annotations

import re

from tsis.core.errors import UsageError

_TICKER = re.compile(r"[A-Z0-9^][A-Z0-9.\-=^_]{0,31}", re.IGNORECASE | re.ASCII)
_IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_DEVICES = {"CON", "PRN", "AUX", "NUL", *(f"{port}{n}" for port in ("COM", "LPT") for n in range(1, 10))}


def is_ticker(text: str) -> bool:
    """Tell whether `text` may be a ticker: letters, digits, ``. - = ^ _``, at most 32, no device name, no path."""
    stem = text.partition(".")[0].upper()
    return bool(_TICKER.fullmatch(text)) and ".." not in text and stem not in _DEVICES


def require_ticker(text: str) -> str:
    """Return `text` if it may be a ticker.

    Raises
    ------
    UsageError
        If it may not.
    """
    if not is_ticker(text):
        raise UsageError(
            f"{text!r} can't be a ticker: use at most 32 letters, digits and . - = ^ _, no '..' and no device name"
        )
    return text


def require_identifier(text: str) -> str:
    """Return `text` if it may be an SQL identifier: lower case, digits and underscores, at most 63.

    Raises
    ------
    UsageError
        If it may not.
    """
    if not _IDENTIFIER.fullmatch(text):
        raise UsageError(f"{text!r} can't be an SQL identifier: use lower-case letters, digits and _")
    return text
