"""Trades and bars of a futures product as one series, from the rows of its contracts and its rolls."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl


def held_rows(rows: pl.DataFrame, rolls: pl.DataFrame, known_at: str) -> pl.DataFrame:
    """Return those of `rows` whose contract is held at their time, with product, cum_gap_quote and cum_gap_ratio.

    A row at the very close of the session that decided still belongs to the contract before. Rows before the first roll
    of a product, and of tickers that are never held, are left out.

    Parameters
    ----------
    rows : trades, or bars, with ticker and the column `known_at`, of any contracts.
    rolls : rows of futures_roll.
    known_at : ``ts`` of trades, ``ts_close`` of bars.

    Returns
    -------
    rows sorted by (product, `known_at`), those of one time in the order given.
    """
    products = rolls.select("ticker", "product").unique().sort("ticker")
    held = rolls.select("product", "held_from", "cum_gap_quote", "cum_gap_ratio", held="ticker").sort("held_from")
    return (
        rows.join(products, on="ticker", how="inner", maintain_order="left")
        .sort(known_at, maintain_order=True)
        .join_asof(
            held,
            left_on=known_at,
            right_on="held_from",
            by="product",
            allow_exact_matches=False,
            check_sortedness=False,
        )
        .filter(pl.col("ticker") == pl.col("held"))
        .drop("held", "held_from")
        .sort("product", known_at, maintain_order=True)
    )


def by_difference(held: pl.DataFrame, prices: Sequence[str]) -> pl.DataFrame:
    """Return `held_rows` with `prices` less the gaps so far: changes of price are those of the contract held.

    The first contract has its own prices. Money is right and ratios are not: such prices may become negative.
    """
    return held.with_columns(pl.col(*prices) - pl.col("cum_gap_quote"))


def by_ratio(held: pl.DataFrame, prices: Sequence[str]) -> pl.DataFrame:
    """Return `held_rows` with `prices` over the ratios so far: returns are those of the contract held."""
    return held.with_columns(pl.col(*prices) / pl.col("cum_gap_ratio"))


def as_one_ticker(held: pl.DataFrame) -> pl.DataFrame:
    """Return `held_rows` of raw.trades under their product's name, with split_factor and price_factor.

    The chain takes them from there as it takes the trades of a share with splits: `ticks`, then `trade_bars`. Prices
    are continuous by ratio; quantities and money are as traded.
    """
    return held.with_columns(
        ticker="product", split_factor=pl.lit(1.0), price_factor=1.0 / pl.col("cum_gap_ratio")
    ).drop("product", "cum_gap_quote", "cum_gap_ratio")
