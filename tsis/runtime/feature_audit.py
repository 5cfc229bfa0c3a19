"""Tries the laws of features on a user's own lake: what ``tsis features audit`` prints."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from tsis.core.errors import UsageError
from tsis.core.table import spec
from tsis.features.audit import Finding, audit
from tsis.features.engine import Engine
from tsis.features.features import FeaturesParams, features, series_of
from tsis.lake.store import Lake
from tsis.runtime.inputs import Inputs
from tsis.tables.processed_features.features import Features

STORED: Final = "stored = computed"
_CUTS_FRAC: Final = (0.01, 0.2, 0.5, 0.501, 0.9)
_TABLE: Final = spec(Features).name


@dataclass(frozen=True)
class Audited:
    """One family on one series, and what each law says of each of its columns; rows are counted from the first bar."""

    series: str
    family: str
    findings: tuple[Finding, ...]


def audit_lake(
    lake: Lake, params: FeaturesParams, tickers: Sequence[str], bar_specs: Sequence[str], n_rows: int
) -> Iterator[Audited]:
    """Yield what the laws say of every family on every series.

    Besides the laws of `tsis.features.audit`, all that the lake stores is compared with a new computation; a stored row
    of a bar that there is not differs in every column.

    Parameters
    ----------
    tickers, bar_specs : only these; all where empty.
    n_rows : first bars of a series to try the laws on; what is stored is compared whole.

    Raises
    ------
    UsageError
        If the lake has no such series.
    """
    banks = params.banks()
    engine, n_series = Engine(list(banks.values())), 0
    with lake.transaction([]) as transaction:
        inputs = Inputs(features, transaction)
        for ticker in inputs.units():
            if tickers and ticker not in tickers:
                continue
            stored = lake.scan(_TABLE, tickers=[str(ticker)]).collect()
            for series, bars, given in series_of(**inputs.frames(ticker), params=params):
                bar_spec = series.partition(" ")[2]
                if bar_specs and bar_spec not in bar_specs:
                    continue
                n_series += 1
                cuts = sorted({int(frac * min(n_rows, bars.height)) for frac in _CUTS_FRAC} - {0})
                key, of_series = spec(Features).key, stored.filter(pl.col("bar_spec") == bar_spec)
                kept = bars.select(key).join(of_series, on=key, how="left", maintain_order="left")
                # rows of bars that there are not come last
                kept = pl.concat([kept, of_series.join(bars, on=key, how="anti")])
                found = dict(zip(engine.names, engine.fold(given, engine.start())[0].T, strict=True))
                for family, bank in banks.items():
                    same = [_stored(kept, output.name, found[output.name]) for output in bank.outputs]
                    yield Audited(series, family, (*audit(bank, np.ascontiguousarray(given[:, :n_rows]), cuts), *same))
    if not n_series:
        asked = ", ".join([*tickers, *bar_specs]) or "any"
        chosen = "all" if params.bar_specs is None else ", ".join(params.bar_specs)
        raise UsageError(
            f"{lake.root}: no series of information_bars is asked for by {asked}; features.bar_specs are {chosen}, and "
            "'tsis features audit' takes every ticker"
        )


def _stored(kept: pl.DataFrame, column: str, computed: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Finding:
    stored = kept[column] if column in kept.columns else pl.Series(column, [None] * kept.height, dtype=pl.Float64)
    differs = np.ones(kept.height, dtype=bool)
    differs[: computed.size] = stored.head(computed.size).ne_missing(pl.Series(computed).fill_nan(None)).to_numpy()
    first = int(differs.argmax()) if differs.any() else None
    return Finding(column, STORED, differs.size, int(differs.sum()), first)
