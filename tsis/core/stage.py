"""The contract of a stage: one pure function from tables to tables."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, ParamSpec, TypeVar

from tsis.core.params import Params
from tsis.core.table import Table, TableSpec, spec

P = ParamSpec("P")
R = TypeVar("R")
By = Literal["ticker", "whole"]


@dataclass(frozen=True)
class Stage(Generic[P, R]):
    """A pure function with what it reads, writes, and the unit by which its work fans out.

    It is called with one frame a table that it reads (keyword = the table's name without its zone) and ``params``; it
    returns one frame, or a tuple of frames in the order of `writes`. Calling the object calls the function.
    """

    name: str
    function: Callable[P, R]
    reads: tuple[TableSpec, ...]
    writes: tuple[TableSpec, ...]
    by: By
    params: type[Params]

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function as it was written."""
        return self.function(*args, **kwargs)

    @property
    def module(self) -> str:
        """Return the module that defines the function."""
        return self.function.__module__

    @property
    def description(self) -> str:
        """Return the first line of the function's docstring."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]


def stage(
    *, reads: Sequence[type[Table]], writes: Sequence[type[Table]], by: By = "whole"
) -> Callable[[Callable[P, R]], Stage[P, R]]:
    """Declare a function as a stage; it is named after the function, which is named after a table it writes.

    Parameters
    ----------
    reads, writes : the tables; every argument but ``params`` must be one of `reads`.
    by : ``ticker`` calls the function once a ticker, ``whole`` once.

    Raises
    ------
    TypeError
        If the signature does not match the declaration.
    """

    def declare(function: Callable[P, R]) -> Stage[P, R]:
        params = typing.get_type_hints(function).get("params")
        arguments = set(inspect.signature(function).parameters) - {"params"}
        read = tuple(spec(table) for table in reads)
        written = tuple(spec(table) for table in writes)
        if not (inspect.isclass(params) and issubclass(params, Params)):
            raise TypeError(f"stage {function.__name__}: argument 'params' must be annotated with a Params class")
        if arguments != {table.table for table in read}:
            raise TypeError(f"stage {function.__name__}: its arguments {sorted(arguments)} are not what it reads")
        if function.__name__ not in {table.table for table in written}:
            raise TypeError(f"stage {function.__name__}: it must be named after a table that it writes")
        return Stage(function.__name__, function, read, written, by, params)

    return declare


AnyStage = Stage[Any, Any]
