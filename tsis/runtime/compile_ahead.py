"""``python -m tsis.runtime.compile_ahead``: compiles the banks of features and the kernels of the chain, and ends.

Those first that the chain needs last. What another process is compiling is left to that.
"""

from __future__ import annotations

import os
import sys
import threading
from typing import Any

from tsis.core.jit import inner
from tsis.core.signatures import read
from tsis.runtime.ahead import done_mark
from tsis.runtime.chain_kernels import CHAIN_KERNELS


def compile_ahead() -> None:
    """Compile everything that is not in the cache and not being compiled, and leave a mark."""
    from tsis.core.step_call import STEP_ARGUMENTS  # noqa: PLC0415
    from tsis.features.families import families  # noqa: PLC0415
    from tsis.kernels.run_banks import run_banks  # noqa: PLC0415

    left = [read(text) for text in CHAIN_KERNELS]
    banks = [(inner(family(family.params()).step), STEP_ARGUMENTS) for family in families().values()]
    called_by = next(place for place, (kernel, _) in enumerate(left) if kernel is run_banks)
    left[called_by:called_by] = banks
    while left:
        kernel, arguments = left.pop()
        if not kernel._cache.is_claimed():
            kernel.compile(arguments)
    done_mark().touch()


def _end_with(parent: Any) -> None:
    """End this process when nobody holds the other end of `parent` any more."""
    parent.read()
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=_end_with, args=(sys.stdin.buffer,), daemon=True).start()
    compile_ahead()
