"""What is compiled beside the first run is all that the chain calls, and nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tsis.features.families import families
from tsis.runtime.chain_kernels import CHAIN_KERNELS

CALLED = """
import sys
from pathlib import Path
from numba.core import sigutils
from numba.core.dispatcher import Dispatcher
from tsis.core.signatures import written
from tsis.runtime.workspace import open_workspace

found, depth, compiled = [], 0, Dispatcher.compile

def compile_and_note(self, signature):
    global depth
    if depth == 0 and self.py_func.__module__.startswith("tsis."):
        found.append(written(self, tuple(sigutils.normalize_signature(signature)[0])))
    depth += 1
    try:
        return compiled(self, signature)
    finally:
        depth -= 1

Dispatcher.compile = compile_and_note
open_workspace(Path(sys.argv[1])).run(is_forced=True)
for text in dict.fromkeys(found):
    print(text)
"""


def test_what_the_chain_calls_is_compiled_ahead(demo_lake: Path, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    shutil.copytree(demo_lake, lake)
    environment = {**os.environ, "TSIS_THREADS": "1"}
    command = [sys.executable, "-c", CALLED, lake]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    called = ran.stdout.splitlines()
    steps = {f"{family(family.params()).step.__module__}." for family in families().values()}
    kernels = [text for text in called if not text.startswith(tuple(steps))]
    assert sorted(kernels) == sorted(CHAIN_KERNELS), "chain_kernels.py is not what the chain calls:\n" + "\n".join(
        kernels
    )
