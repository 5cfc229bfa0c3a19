"""Calls the step of a feature bank by the address of its machine code.

Numba can call a compiled function that it is handed as a value, but at ten times the cost, and a dispatcher that knows
every step by name would be compiled anew for each one that is added.
"""

from __future__ import annotations

from typing import Any, Final

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from tsis.core.feature import Array, Step
from tsis.core.jit import inner, jit

_MATRIX, _VECTOR = types.Array(types.float64, 2, "C"), types.Array(types.float64, 1, "C")
STEP_ARGUMENTS: Final = (_MATRIX, types.int64, types.int64, _VECTOR, _VECTOR, _MATRIX, types.int64)


def address(step: Step) -> int:
    """Compile `step` for its one signature, or load it from the cache, and return where its code begins.

    The code lives as long as `step` does.
    """
    called = inner(step)
    called.compile(STEP_ARGUMENTS)
    result = called.overloads[STEP_ARGUMENTS]
    return int(result.library.get_pointer_to_function(result.fndesc.llvm_func_name))


@intrinsic  # type: ignore[untyped-decorator]
def call_step(_: Any, at: Any, arguments: Any) -> Any:  # noqa: ARG001  numba looks at its name
    """Call the code at an address with the arguments of a step."""
    signature = types.void(at, types.Tuple(STEP_ARGUMENTS))

    def code(context: Any, builder: Any, _: Any, values: Any) -> Any:
        callee_type = context.call_conv.get_function_type(types.none, STEP_ARGUMENTS)
        callee = builder.inttoptr(values[0], callee_type.as_pointer())
        given = cgutils.unpack_tuple(builder, values[1], len(STEP_ARGUMENTS))
        status, _returned = context.call_conv.call_function(builder, callee, types.none, STEP_ARGUMENTS, given)
        with cgutils.if_unlikely(builder, status.is_error):
            context.call_conv.return_status_propagate(builder, status)
        return context.get_dummy_value()

    return signature, code


@jit
def run_step(at: int, x: Array, first: int, stop: int, params: Array, state: Array, out: Array, k: int) -> None:
    """Run one step, whose code begins at the address `at`; see `tsis.core.feature.Step`."""
    call_step(at, (x, first, stop, params, state, out, k))
