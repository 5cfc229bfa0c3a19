"""Talking to a peer: a program under its own interpreter that answers each line with one line of JSON."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class Dialogue:
    """A running peer."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def send(self, line: str) -> Any:
        """Send one line and return the answer."""
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the peer has no pipes")
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


@contextmanager
def dialogue(python: str, script: str, *arguments: str) -> Iterator[Dialogue]:
    """Start `script` of this folder under the interpreter `python`; it ends with the block."""
    command = [python, "-W", "ignore", str(Path(__file__).with_name(script)), *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Dialogue(process)
        if process.stdin is not None:
            process.stdin.close()
