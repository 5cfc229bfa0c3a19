"""The state cache: what a resumable stage remembered of a ticker, and of which rows that was made."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from tsis.core.state import State, state_from_bytes, state_to_bytes
from tsis.lake.durable import replace_file

_INDEX = "segments.json"


@dataclass(frozen=True)
class Segment:
    """The rows of a ticker that are known after the segment before it and not after `until`.

    Parameters
    ----------
    until : a midnight in UTC after which there are rows.
    consumed, produced : digests of the rows that the stage was given, and of those it returned.
    files : digest of the names of all files that may hold them; where it is equal, they need not be read.
    state : SHA-256 of the state after them.
    """

    until: datetime
    consumed: str
    produced: str
    files: str
    state: str


@dataclass(frozen=True)
class Checkpoints:
    """The segments of one stage and ticker, in a folder of their own.

    Parameters
    ----------
    key : digest of what the states depend on beside the rows: code, parameters, tables without a time.
    """

    folder: Path
    key: str

    def read(self) -> tuple[Segment, ...]:
        """Return the segments in order; none where they were made with another key, or are damaged."""
        path = self.folder / _INDEX
        if not path.exists():
            return ()
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if content["key"] != self.key or content["sha256"] != _sha256(content["segments"]):
                return ()
        except (ValueError, TypeError, KeyError):  # damaged: what can be computed anew is not asked for
            return ()
        return tuple(
            Segment(**{**item, "until": datetime.fromisoformat(item["until"])}) for item in content["segments"]
        )

    def state(self, segment: Segment) -> State | None:
        """Return the state after a segment; None where it was thinned out or is damaged, so that nobody may use it."""
        path = self._path(segment.state)
        content = path.read_bytes() if path.exists() else b""
        return state_from_bytes(content) if hashlib.sha256(content).hexdigest() == segment.state else None

    def write(self, segments: Sequence[Segment], states: Mapping[str, bytes]) -> None:
        """Replace the segments; `states` holds the new states by their SHA-256.

        Of the older states fewer and fewer are kept: to resume at an early change costs at most about as much again as
        the rows after it.
        """
        kept = {segment.state for index, segment in enumerate(segments) if _is_kept(index, len(segments))}
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in sorted(kept & set(states)):
            replace_file(self._path(name), states[name])
        listed = [{**asdict(segment), "until": segment.until.isoformat()} for segment in segments]
        content = {"key": self.key, "sha256": _sha256(listed), "segments": listed}
        replace_file(self.folder / _INDEX, (json.dumps(content, indent=1) + "\n").encode())
        named = {self._path(name).name for name in kept}
        for path in self.folder.glob("*.npz"):
            if path.name not in named:
                path.unlink()

    def _path(self, state: str) -> Path:
        return self.folder / f"{state[:32]}.npz"


def _sha256(segments: object) -> str:
    return hashlib.sha256(json.dumps(segments, sort_keys=True).encode()).hexdigest()


def named_state(state: State) -> tuple[str, bytes]:
    """Return the SHA-256 of a state, and its bytes."""
    content = state_to_bytes(state)
    return hashlib.sha256(content).hexdigest(), content


def _is_kept(index: int, count: int) -> bool:
    # all of the last four, every second of the four before, every fourth of the eight before, …; never one again
    step = 1 << max(0, (count - index - 1).bit_length() - 2)
    return index % step == 0
