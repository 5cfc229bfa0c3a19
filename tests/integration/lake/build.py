"""Builds one lake from the same rows in a way of its own and prints what it became.

``python build.py LAKE WAY``, where the way decides about batches, their order, and how they are published.
"""

from __future__ import annotations

import hashlib
import json
import random
import sys
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
from lakes import LATER, T0, days, new_lake, quotes, rows, shuffled, trades

from tsis.lake import Lake

TRADES, QUOTES, DAILY, TICKERS = "raw.trades", "raw.quotes", "processed_features.daily_cache", "reference.tickers_dim"
NAMES = ["AAPL", "BRK.B", "EUR=X", "IBM", "a", "GSPC^"]


def delivery() -> dict[str, pl.DataFrame]:
    """Return the rows of the lake: ticks over some days, revisions and deletions among them."""
    noise = np.random.default_rng(1)
    series = [
        trades(
            4_000,
            ticker=ticker,
            step_s=60.0,
            seq=noise.integers(0, 3, 4_000).tolist(),
            price=noise.uniform(1, 900, 4_000).tolist(),
            conditions=noise.choice(["@", "T", None], 4_000).tolist(),
            exchange=noise.choice(["N", "Q"], 4_000).tolist(),
        )
        for ticker in NAMES
    ]
    revised = [part[::7].with_columns(pl.col("price") * 2, known_at=LATER) for part in series]
    deleted = [part[::31].with_columns(is_deleted=True, known_at=LATER + timedelta(days=1)) for part in series]
    return {
        TRADES: pl.concat([*series, *revised, *deleted]),
        QUOTES: quotes(3_000, bid=noise.uniform(1, 2, 3_000).tolist(), ask=3.0),
        TICKERS: rows(TICKERS, len(NAMES), ticker=NAMES),
        DAILY: pl.concat([days(name, [T0 + timedelta(days=i) for i in range(40)]) for name in NAMES]),
    }


def build(lake: Lake, way: int) -> None:
    """Publish the delivery, in an order and in batches that follow from `way`."""
    choice = random.Random(way)
    tables = list(delivery().items())
    choice.shuffle(tables)
    for name, frame in tables:
        mixed = shuffled(frame, way)
        if name == DAILY:
            lake.replace(DAILY, mixed.filter(pl.col("ticker") == "IBM"))
            lake.replace(DAILY, mixed)
            continue
        parts = list(mixed.iter_slices(choice.choice([2_500, 7_000, 40_000])))
        if way % 2:
            with lake.transaction([name]) as transaction:
                for part in parts:
                    transaction.stage(name, part, f"file {choice.random()}")
                transaction.append_staged(name, has_vendor_seq=True)
                transaction.commit(f"way {way}")
        else:
            for part in [*parts, parts[0]]:
                lake.append(name, part)


def main(root: str, way: str) -> None:
    """Build, then print the snapshot, the bytes of every manifest, and a digest of what a reader gets."""
    lake = new_lake(Path(root))
    build(lake, int(way))
    seen = hashlib.sha256()
    for name in sorted(lake.snapshot().tables):
        content = lake.scan(name).collect().sort(lake.spec(name).key)
        seen.update(content.write_csv().encode())
    manifests = {
        name: hashlib.sha256((lake.folder(lake.spec(name)) / "_manifest.json").read_bytes()).hexdigest()
        for name in lake.snapshot().tables
    }
    print(json.dumps({"snapshot": lake.snapshot().id, "manifests": manifests, "seen": seen.hexdigest()}))  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
