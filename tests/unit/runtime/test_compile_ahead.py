"""Kernels are compiled beside the chain: what is listed is what the chain calls, once, and nothing is left behind."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tsis.core.signatures import read, written
from tsis.runtime.ahead import compiling_ahead, done_mark
from tsis.runtime.chain_kernels import CHAIN_KERNELS

TWO_KERNELS = """
import sys, time
from numba.core import event
from tsis.core.signatures import read
class Listener(event.Listener):
    def on_start(self, begun): print(begun.data["dispatcher"].py_func.__name__, flush=True)
    def on_end(self, ended): pass
event.register("numba:compile", Listener())
for text in ("tsis.kernels.cusum.cusum_filter(float64[1], float64[1], float64[1], int8[1])",
             "tsis.kernels.entropy.binary_codes(float64[1])"):
    kernel, arguments = read(text)
    kernel.compile(arguments)
"""


@pytest.mark.parametrize("text", CHAIN_KERNELS, ids=lambda text: text.partition("(")[0])
def test_a_signature_is_written_as_it_is_read(text: str) -> None:
    assert written(*read(text)) == text


def test_what_has_no_notation_is_left_out() -> None:
    kernel, _ = read(CHAIN_KERNELS[0])
    numba = pytest.importorskip("numba")
    assert written(kernel, (numba.types.Array(numba.types.float64, 1, "A"),)) is None
    assert written(kernel, (numba.types.literal(1),)) is None


def test_two_processes_compile_each_kernel_once(tmp_path: Path) -> None:
    environment = {**os.environ, "TSIS_JIT_CACHE": str(tmp_path)}
    command = [sys.executable, "-c", TWO_KERNELS]
    both = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    compiled = [process.communicate(timeout=120)[0].split() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    ours = sorted(name for names in compiled for name in names if name in ("cusum_filter", "binary_codes"))
    assert ours == ["binary_codes", "cusum_filter"]


def test_the_claim_of_a_compilation_that_fails_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TSIS_JIT_CACHE", str(tmp_path))
    from tsis.core.jit import jit

    @jit
    def impossible(x: float) -> float:
        return x.nothing  # type: ignore[attr-defined,no-any-return]

    with pytest.raises(Exception, match="nothing"):
        impossible(1.0)
    assert not impossible._cache.is_claimed()  # type: ignore[attr-defined]
    assert impossible._cache._descriptor is None  # type: ignore[attr-defined]


def test_processes_end_with_the_block_and_with_who_started_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TSIS_JIT_CACHE", str(tmp_path))
    monkeypatch.setenv("TSIS_THREADS", "2")
    monkeypatch.setattr("tsis.runtime.ahead._WAIT_S", 0.0)
    with compiling_ahead():
        (child,) = children(os.getpid())
    assert not Path(f"/proc/{child}").exists()
    program = (
        "import os, time\nfrom tsis.runtime.ahead import compiling_ahead\nwith compiling_ahead():\n    time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", program])
    deadline = time.monotonic() + 60
    while not (found := children(parent.pid)) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(1.0)
    parent.kill()
    parent.wait()
    while Path(f"/proc/{found[0]}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{found[0]}").exists()


def test_nothing_is_started_where_everything_is_compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TSIS_JIT_CACHE", str(tmp_path))
    monkeypatch.setenv("TSIS_THREADS", "2")
    done_mark().parent.mkdir(parents=True)
    done_mark().touch()
    before = children(os.getpid())
    with compiling_ahead():
        assert children(os.getpid()) == before


def children(parent: int) -> list[int]:
    path = Path(f"/proc/{parent}/task/{parent}/children")
    if not path.exists():
        pytest.skip("this system does not list children")
    return [int(child) for child in path.read_text().split()]


def test_a_compiled_kernel_is_the_one_that_is_listed() -> None:
    """The list holds what is called: a signature that no call has would be compiled in vain."""
    kernel, arguments = read("tsis.kernels.cusum.cusum_filter(float64[1], float64[1], float64[1], int8[1])")
    kernel(np.zeros(3), np.ones(3), np.zeros(2), np.zeros(3, dtype=np.int8))
    assert arguments in kernel.overloads
