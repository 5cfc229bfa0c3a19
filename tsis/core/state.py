"""What a stage remembers between two calls, as bytes and back."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray

State = dict[str, NDArray[np.float64]]
"""Flat float64 arrays by name, one a series; times are microseconds since the epoch, exact in float64."""


def state_to_bytes(state: State) -> bytes:
    """Return the state as bytes, equal for equal states."""
    buffer = io.BytesIO()
    np.savez(buffer, **{name: state[name] for name in sorted(state)})  # type: ignore[arg-type]
    return buffer.getvalue()


def state_from_bytes(content: bytes) -> State:
    """Return the state that `state_to_bytes` was given."""
    with np.load(io.BytesIO(content), allow_pickle=False) as saved:
        return {name: saved[name] for name in saved.files}
