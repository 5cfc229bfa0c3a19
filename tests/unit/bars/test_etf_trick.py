"""A basket as one series, against the book's formula written out and against holding the units by hand."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from tsis.bars.etf_trick import etf_trick
from tsis.core.errors import DataError, UsageError

START = datetime(2020, 1, 1, tzinfo=UTC)


def basket(n=60, seed=1, every=7):
    random = np.random.default_rng(seed)
    frames = []
    for place, ticker in enumerate(("A", "B", "C")):
        close = 50.0 * (place + 1) * np.exp(np.cumsum(random.normal(0, 0.02, n)))
        frames.append(
            pl.DataFrame(
                {
                    "ticker": [ticker] * n,
                    "ts_close": [START + timedelta(days=day) for day in range(n)],
                    "open": close * np.exp(random.normal(0, 0.005, n)),
                    "close": close,
                    "weight": random.normal(0, 1, n),
                    "point_value": np.where(np.arange(n) < 30, 1.0, 1.1) * (place + 1),
                    "dividend": np.where(random.random(n) < 0.1, 0.3, 0.0),
                    "is_rebalanced": np.arange(n) % every == 2,
                }
            )
        )
    return pl.concat(frames)


def by_the_book(rows, tickers):
    """h, delta and K as in AFML 2.4.1, with a row of the table for each t."""
    parts = [rows.filter(ticker=ticker).sort("ts_close") for ticker in tickers]
    o, p, w, phi, d = (
        np.column_stack([part[name] for part in parts])
        for name in ("open", "close", "weight", "point_value", "dividend")
    )
    taken = parts[0]["is_rebalanced"].to_numpy()
    h, k = np.zeros(o.shape), np.ones(len(o))
    for t in range(len(o)):
        if t:
            delta = p[t] - o[t] if taken[t - 1] else p[t] - p[t - 1]
            k[t] = k[t - 1] + np.sum(h[t - 1] * phi[t] * (delta + d[t]))
        h[t] = (
            w[t] * k[t] / (o[t + 1] * phi[t] * np.abs(w[t]).sum())
            if taken[t] and t + 1 < len(o)
            else h[t - 1] * (t > 0)
        )
    cost = [
        np.sum((np.abs(h[t - 2] if t > 1 else 0 * h[0]) * p[t - 1] + np.abs(h[t - 1]) * o[t]) * phi[t - 1]) / k[t - 1]
        if t and taken[t - 1]
        else 0.0
        for t in range(len(o))
    ]
    return k, np.array(cost)


def test_it_is_the_recursion_of_the_book():
    rows = basket()
    found = etf_trick(rows, ["A", "B", "C"], cost_bps=2.0)
    value, traded = by_the_book(rows, ["A", "B", "C"])
    np.testing.assert_allclose(found["value"], value, rtol=1e-12)
    np.testing.assert_allclose(found["cost_frac"], traded * 2e-4, rtol=1e-12, atol=1e-18)
    assert found["value"][:4].to_list()[:3] == [1.0, 1.0, 1.0]


def test_one_instrument_held_all_the_time_earns_its_return():
    rows = basket(every=1_000).filter(ticker="A").with_columns(dividend=0.0, point_value=1.0, weight=2.0)
    found = etf_trick(rows, ["A"])
    bought = rows["open"][3]
    np.testing.assert_allclose(found["value"][3:], rows["close"][3:] / bought, rtol=1e-12)


def test_later_rows_change_nothing_before():
    rows = basket()
    cut = START + timedelta(days=40)
    changed = rows.with_columns(
        close=pl.when(pl.col("ts_close") > cut).then(pl.col("close") * 3).otherwise("close"),
        open=pl.when(pl.col("ts_close") > cut).then(pl.col("open") * 2).otherwise("open"),
    )
    before, after = (etf_trick(frame, ["A", "B", "C"]).filter(pl.col("ts_close") <= cut) for frame in (rows, changed))
    assert before.equals(after)


def test_bad_baskets_are_refused():
    rows = basket()
    with pytest.raises(UsageError, match="weight"):
        etf_trick(rows.drop("weight"), ["A"])
    with pytest.raises(DataError, match="B have other times than A"):
        etf_trick(rows.filter((pl.col("ticker") != "B") | (pl.col("ts_close") > START)), ["A", "B"])
    with pytest.raises(DataError, match="1 values of close are missing or not positive"):
        etf_trick(
            rows.with_columns(
                close=pl.when(
                    pl.col("close").is_first_distinct() & (pl.col("ticker") == "A") & (pl.col("ts_close") == START)
                )
                .then(None)
                .otherwise("close")
            ),
            ["A", "B"],
        )
    with pytest.raises(DataError, match="9 rebalancings have no weights"):
        etf_trick(rows.with_columns(weight=0.0), ["A", "B"])
