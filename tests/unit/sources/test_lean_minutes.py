"""Minute bars from LEAN's ticks against LEAN's own minute files: which trades does LEAN use?"""

from __future__ import annotations

import os
from pathlib import Path

import polars as pl
import pytest

from tsis.sources.lean import LEAN, LeanRequest

ROOT = Path(os.environ.get("TSIS_LEAN_DATA", Path(__file__).resolve().parents[4] / "shared" / "data" / "lean"))
pytestmark = pytest.mark.skipif(not ROOT.is_dir(), reason="no LEAN data (TSIS_LEAN_DATA)")

REGULAR, OPENING, CLOSING, CROSS = 1 << 0, 1 << 6, 1 << 7, 1 << 21
OFFICIAL_CLOSE, OFFICIAL_OPEN = 1 << 24, 1 << 26
PRICES = ("open", "high", "low", "close")
SESSION_MINUTES = 390


@pytest.fixture(scope="module", params=["IBM", "BAC"])
def frames(request) -> tuple[str, pl.DataFrame, pl.DataFrame]:
    def rows(table: str) -> pl.DataFrame:
        wanted = LeanRequest(path=str(ROOT), tickers=(request.param,), tables=(table,))
        batches = list(LEAN.batches(wanted))
        assert not any(batch.rejected.height for batch in batches)
        return pl.concat([batch.rows for batch in batches])

    trades = rows("raw.trades")
    days = trades["ts"].dt.date().unique()
    return request.param, trades, rows("raw.ohlcv_1m").filter(pl.col("ts").dt.date().is_in(days.to_list()))


def bars(trades: pl.DataFrame) -> pl.DataFrame:
    minutes = trades.sort("ts", "seq").group_by(pl.col("ts").dt.truncate("1m"), maintain_order=True)
    price = pl.col("price")
    return minutes.agg(
        open=price.first(), high=price.max(), low=price.min(), close=price.last(), volume=pl.col("size").sum()
    )


def agreement(own: pl.DataFrame, theirs: pl.DataFrame, columns: tuple[str, ...]) -> dict[str, float]:
    """Return for each column the share of all minutes of either side in which both have the same value."""
    both = theirs.join(own, on="ts", how="full", coalesce=True, suffix="_own")
    return {
        name: both.select(((pl.col(name) - pl.col(f"{name}_own")).abs() < 1e-9).fill_null(value=False).mean()).item()
        for name in columns
    }


def test_volume_of_all_trades_agrees(frames):
    """Every trade counts: 99.07 % of IBM's 2,157 minutes, 99.49 % of BAC's 2,949; the rest is auctions."""
    ticker, trades, minutes = frames
    agreed = agreement(bars(trades), minutes, ("volume", *PRICES))
    assert agreed["volume"] == pytest.approx({"IBM": 0.9907, "BAC": 0.9949}[ticker], abs=1e-4)
    assert agreed["volume"] >= 0.98
    assert agreed["high"] == pytest.approx({"IBM": 0.8215, "BAC": 0.9824}[ticker], abs=1e-4)


def test_volume_agrees_in_all_minutes_by_leans_rule(frames):
    """Without official and other venues' auctions, late openings dropped, closings in the last minute: all agree."""
    _, trades, minutes = frames
    flag, minute = conditions(), session_minute()
    auction = flag & (OPENING | CLOSING) != 0
    kept = trades.filter(
        flag & (OFFICIAL_OPEN | OFFICIAL_CLOSE) == 0,
        ~(auction & (flag & CROSS != 0)),
        ~((flag & OPENING != 0) & (minute > 0)),
    )
    closing = (pl.col("ts").dt.date().dt.combine(pl.time(19, 59)).dt.replace_time_zone("UTC")).dt.cast_time_unit("us")
    moved = kept.with_columns(ts=pl.when(flag & CLOSING != 0).then(closing).otherwise("ts"))
    assert agreement(bars(moved), minutes, ("volume",)) == {"volume": 1.0}


def test_prices_agree_by_leans_rule(frames):
    """Prices are those of regular trades in the session and of all trades outside it: over 99.5 % agree."""
    _, trades, minutes = frames
    flag, minute = conditions(), session_minute()
    is_session = (minute >= 0) & (minute < SESSION_MINUTES)
    official = flag & (OFFICIAL_OPEN | OFFICIAL_CLOSE) != 0
    priced = trades.filter((flag & REGULAR != 0) | (~is_session & ~official & (flag & CLOSING == 0)))
    agreed = agreement(bars(priced), minutes, PRICES)
    assert min(agreed.values()) > 0.995, agreed


def test_no_trade_is_flagged_suspicious(frames):
    assert not frames[1]["is_suspicious"].any()


def conditions() -> pl.Expr:
    return pl.col("conditions").str.to_integer(base=16)


def session_minute() -> pl.Expr:
    """Minutes since the session's open at 09:30 in New York; in these five days 13:30 UTC."""
    return pl.col("ts").dt.hour().cast(pl.Int64) * 60 + pl.col("ts").dt.minute() - (13 * 60 + 30)
