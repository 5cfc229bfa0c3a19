"""A process that finds its kernels compiled loads them, without what compiling needs; it can still compile others."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import json, sys
import numpy as np
from tsis.kernels.entropy import binary_codes
binary_codes(np.array([1.0, -1.0]))
is_loaded_alone = "numba.np.linalg" not in sys.modules
hits = sum(binary_codes.stats.cache_hits.values())
from tsis.kernels.cusum import cusum_filter
one = np.ones(2)
cusum_filter(one, one, one, np.zeros(2, dtype=np.int8))
print(json.dumps({"hits": hits, "is_loaded_alone": is_loaded_alone}))
"""


def run(cache: Path) -> dict[str, object]:
    environment = {**os.environ, "TSIS_JIT_CACHE": str(cache)}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, check=True, capture_output=True, text=True)
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_what_is_compiled_is_loaded_without_the_compiler(tmp_path: Path) -> None:
    assert run(tmp_path) == {"hits": 0, "is_loaded_alone": False}
    for compiled in tmp_path.rglob("*cusum_filter*"):
        compiled.unlink()
    assert run(tmp_path) == {"hits": 1, "is_loaded_alone": True}
