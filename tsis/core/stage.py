"""The contract of a stage: one pure function from tables to tables."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, Literal, ParamSpec, TypeVar

import polars as pl

from tsis.core.errors import StageError
from tsis.core.params import Params
from tsis.core.state import State
from tsis.core.table import Table, TableSpec, spec

P = ParamSpec("P")
R = TypeVar("R")
By = Literal["ticker", "session", "product", "whole"]
_BESIDES_TABLES = {"params", "state", "until"}


@dataclass(frozen=True)
class Stage(Generic[P, R]):
    """A pure function with what it reads, writes, and the unit by which its work fans out.

    It is called with one frame a table that it reads (keyword = the table's name without its zone) and ``params``; it
    returns one frame, or a tuple of frames in the order of `writes`. Calling the object calls the function.

    A resumable stage has the arguments ``state`` (None at the start of a series) and ``until`` too, and returns the
    state after the rows that it was given behind its frames. Called with the rows up to some time and then, with that
    state, with those after it, it returns the same rows as in one call. ``until`` says that time has passed up to then,
    because later rows are known to exist; None makes no such promise.
    """

    name: str
    function: Callable[P, R]
    reads: tuple[TableSpec, ...]
    writes: tuple[TableSpec, ...]
    by: By
    params: type[Params]
    is_resumable: bool
    ahead: Mapping[str, timedelta]

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function as it was written."""
        return self.function(*args, **kwargs)

    def frames(
        self,
        inputs: Mapping[str, pl.DataFrame],
        params: Params,
        state: State | None = None,
        until: datetime | None = None,
    ) -> tuple[tuple[pl.DataFrame, ...], State]:
        """Call the function and return its frames in the order of `writes`, and the state, empty where it has none.

        Raises
        ------
        StageError
            If it returns another number of frames than it declares.
        """
        call: Callable[..., Any] = self.function
        result = call(**inputs, params=params, **({"state": state, "until": until} if self.is_resumable else {}))
        items = result if isinstance(result, tuple) else (result,)
        frames, after = (items[:-1], items[-1]) if self.is_resumable else (items, {})
        if len(frames) != len(self.writes):
            raise StageError(f"{self.name} returned {len(frames)} frames for {len(self.writes)} tables")
        return frames, after

    @property
    def module(self) -> str:
        """Return the module that defines the function."""
        return self.function.__module__

    @property
    def description(self) -> str:
        """Return the first line of the function's docstring."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]


def stage(
    *,
    reads: Sequence[type[Table]],
    writes: Sequence[type[Table]],
    by: By = "whole",
    ahead: Mapping[type[Table], timedelta] | None = None,
) -> Callable[[Callable[P, R]], Stage[P, R]]:
    """Declare a function as a stage; it is named after the function, which is named after a table it writes.

    Parameters
    ----------
    reads, writes : the tables; every argument but ``params``, ``state`` and ``until`` must be one of `reads`.
    by : ``ticker`` calls the function once a ticker, ``session`` once a UTC date of the rows, ``product`` once a
        futures product with the rows of its contracts, ``whole`` once. To a stage by ticker that reads futures_roll,
        a product that is in tickers_dim is a ticker, and its contracts are none (see `tsis.runtime.products`).
    ahead : tables of which a resumable stage needs the rows that much before their time.

    Raises
    ------
    TypeError
        If the signature does not match the declaration.
    """

    def declare(function: Callable[P, R]) -> Stage[P, R]:
        params = typing.get_type_hints(function).get("params")
        signature = set(inspect.signature(function).parameters)
        arguments = signature - _BESIDES_TABLES
        read = tuple(spec(table) for table in reads)
        written = tuple(spec(table) for table in writes)
        if not (inspect.isclass(params) and issubclass(params, Params)):
            raise TypeError(f"stage {function.__name__}: argument 'params' must be annotated with a Params class")
        if arguments != {table.table for table in read}:
            raise TypeError(f"stage {function.__name__}: its arguments {sorted(arguments)} are not what it reads")
        if function.__name__ not in {table.table for table in written}:
            raise TypeError(f"stage {function.__name__}: it must be named after a table that it writes")
        is_resumable = "state" in signature
        if is_resumable != ("until" in signature) or (is_resumable and by != "ticker"):
            raise TypeError(f"stage {function.__name__}: 'state' and 'until' go together, and with by='ticker'")
        early = {spec(table).name: lead for table, lead in (ahead or {}).items()}
        return Stage(function.__name__, function, read, written, by, params, is_resumable, early)

    return declare


AnyStage = Stage[Any, Any]
