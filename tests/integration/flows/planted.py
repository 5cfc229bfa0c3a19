"""A flow over 50 tickers whose stages do what they are told to, in a process of its own.

Usage: python planted.py LAKE ORDER..., an order being JSON: parameters of the stage `planted_doubles`.
Prints one line of JSON a run: its id, the state in which it ended, and the message.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import polars as pl
from lakes import declared

from tsis.core.params import Params
from tsis.core.stage import stage
from tsis.core.table import Table, column, spec
from tsis.lake import Lake

TICKERS = [f"T{number:02d}" for number in range(50)]


class Prices(Table, name="demo.planted_prices", key=("ticker", "day")):
    """Prices of the test."""

    ticker: str = column("symbol", "Ticker")
    day: int = column("days", "Day")
    price: float = column("quote", "Price")


class Copies(Table, name="demo.planted_copies", key=("ticker", "day")):
    """Copies of them."""

    ticker: str = column("symbol", "Ticker")
    day: int = column("days", "Day")
    price: float = column("quote", "Price")


class Doubles(Table, name="demo.planted_doubles", key=("ticker", "day")):
    """Twice the price."""

    ticker: str = column("symbol", "Ticker")
    day: int = column("days", "Day")
    price: float = column("quote", "Price")


class NoParams(Params):
    """Nothing to choose."""


class DoublesParams(Params):
    """What the stage is to do."""

    factor: float = 2.0
    fails_on: str = ""
    dies_on: str = ""
    n_rows: int = 1_000


@stage(reads=[Prices], writes=[Copies], by="ticker")
def planted_copies(planted_prices: pl.DataFrame, params: NoParams) -> pl.DataFrame:
    """Copy."""
    return planted_prices


@stage(reads=[Copies], writes=[Doubles], by="ticker")
def planted_doubles(planted_copies: pl.DataFrame, params: DoublesParams) -> pl.DataFrame:
    """Multiply, unless told otherwise."""
    ticker = planted_copies["ticker"][0]
    if ticker == params.fails_on:
        raise ZeroDivisionError("planted")
    if ticker == params.dies_on:
        os.kill(os.getpid(), signal.SIGKILL)
    return planted_copies.with_columns(pl.col("price") * params.factor).head(params.n_rows)


def planted_lake(root: Path) -> Lake:
    """Return a lake with all declared tables and those of the test."""
    return Lake(root, declared() | {spec(table).name: spec(table) for table in (Prices, Copies, Doubles)}, wait_s=5)


def main(root: Path, orders: list[str]) -> None:
    """Run the flow once for each order."""
    from prefect.states import State

    from flows import research
    from tsis.runtime.settings import settings
    from tsis.runtime.workspace import Workspace

    for order in orders:
        params = {"planted_copies": NoParams(), "planted_doubles": DoublesParams(**json.loads(order))}
        stages = {"planted_copies": planted_copies, "planted_doubles": planted_doubles}
        workspace = Workspace(settings(root), planted_lake(root), stages, params)
        research.open_workspace = lambda made=workspace: made
        ended: State[str] = research.research(return_state=True)
        run = str(ended.state_details.flow_run_id)
        print(json.dumps({"run": run, "state": ended.type.value, "message": ended.message}), flush=True)  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
