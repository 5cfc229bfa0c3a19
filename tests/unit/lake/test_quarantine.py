"""Bad rows: set aside with their reason in raw zones, a failure in derived ones, and never silently dropped."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest
from lakes import T0, days, declared, quotes, rows, sorted_rows, trades

from tsis.core.errors import ContractError
from tsis.lake import Lake
from tsis.lake.contract import check_contract
from tsis.lake.transaction import Publication

NAN, INFINITY = float("nan"), float("inf")
Rows = Callable[..., pl.DataFrame]

BAD: list[tuple[Rows, dict[str, Any], str]] = [
    (trades, {"price": [100.0, 0.0, 102.0]}, "price: greater_than(0)"),
    (trades, {"price": [100.0, -1.0, 102.0]}, "price: greater_than(0)"),
    (trades, {"price": [100.0, NAN, 102.0]}, "price: not a finite number; price: not_nullable"),
    (trades, {"price": [100.0, INFINITY, 102.0]}, "price: not a finite number"),
    (trades, {"price": [100.0, -INFINITY, 102.0]}, "price: greater_than(0); price: not a finite number"),
    (trades, {"price": [100.0, None, 102.0]}, "price: not_nullable"),
    (trades, {"ts": [T0, None, T0.replace(hour=20)]}, "ts: not_nullable"),
    (trades, {"size": [1.0, 0.0, 1.0]}, "size: greater_than(0)"),
    (trades, {"seq": [0, -1, 0]}, "seq: greater_than_or_equal_to(0)"),
    (trades, {"side": ["buy", "both", "sell"]}, "side: isin(['buy', 'sell', 'unknown'])"),
    (trades, {"ticker": ["IBM", "../x", "IBM"]}, "ticker: not a possible name"),
    (trades, {"ticker": ["IBM", "CON", "IBM"]}, "ticker: not a possible name"),
    (trades, {"ticker": ["IBM", "con.txt", "IBM"]}, "ticker: not a possible name"),
    (trades, {"ticker": ["IBM", "", "IBM"]}, "ticker: not a possible name"),
    (trades, {"ticker": ["IBM", "a/b", "IBM"]}, "ticker: not a possible name"),
    (trades, {"ticker": ["IBM", "A\n", "IBM"]}, "ticker: not a possible name"),
    (trades, {"ticker": ["IBM", "\u0000", "IBM"]}, "ticker: not a possible name"),
    (trades, {"ticker": ["IBM", "X" * 33, "IBM"]}, "ticker: not a possible name"),
    (quotes, {"bid": [99.0, 101.5, 99.0]}, "bid <= ask (a crossed quote)"),
    (quotes, {"ask": [101.0, NAN, 101.0]}, "ask: not a finite number"),
    (quotes, {"ask": [101.0, 0.0, 101.0]}, "ask: greater_than(0); bid <= ask (a crossed quote)"),
]


@pytest.mark.parametrize(("build", "columns", "reason"), BAD, ids=[f"{next(iter(c))}-{r}" for _, c, r in BAD])
def test_a_bad_row_is_set_aside_with_its_reason_and_the_others_go_on(
    lake: Lake, build: Rows, columns: dict[str, Any], reason: str
) -> None:
    table = "raw.trades" if build is trades else "raw.quotes"
    given = build(3, **columns)
    published = lake.append(table, given)
    assert_set_aside(lake, published, given[1:2], [reason])
    assert sorted_rows(lake.scan(table), table).equals(pl.concat([given[:1], given[2:]]))


def assert_set_aside(lake: Lake, published: Publication, bad: pl.DataFrame, reasons: list[str]) -> None:
    assert published.rows_quarantined == bad.height
    assert published.quarantine is not None
    assert published.quarantine.is_relative_to(lake.root / "_quarantine")
    aside = pl.read_parquet(published.quarantine)
    assert aside["reason"].to_list() == reasons
    assert str(aside.drop("reason").rows()) == str(bad.rows())  # as text, where NaN is equal to NaN


def test_a_one_sided_quote_is_no_crossed_one(lake: Lake) -> None:
    given = quotes(2, bid=[None, 99.0], ask=[101.0, None])
    assert lake.append("raw.quotes", given).rows_quarantined == 0
    assert sorted_rows(lake.scan("raw.quotes"), "raw.quotes").equals(given)


def test_of_a_repeated_key_the_first_row_stays(lake: Lake) -> None:
    given = pl.concat([trades(3), trades(2, price=7.0)])
    published = lake.append("raw.trades", given)
    reason = "repeated key (ticker, ts, seq, source, known_at)"
    assert_set_aside(lake, published, given[3:], [reason, reason])
    assert sorted_rows(lake.scan("raw.trades")).equals(trades(3))


def test_every_rule_that_a_row_breaks_is_named_once(lake: Lake) -> None:
    given = trades(1, price=-1.0, size=NAN, ticker="CON", side="x")
    aside = lake.append("raw.trades", given).quarantine
    assert aside is not None
    assert pl.read_parquet(aside)["reason"].item() == (
        "price: greater_than(0); side: isin(['buy', 'sell', 'unknown']); "
        "size: not a finite number; size: not_nullable; ticker: not a possible name"
    )


def test_the_same_bad_rows_twice_are_one_file(lake: Lake) -> None:
    given = trades(3, price=[1.0, 0.0, -1.0])
    first, second = lake.append("raw.trades", given), lake.append("raw.trades", given)
    assert first == second
    assert len(list((lake.root / "_quarantine").rglob("*.parquet"))) == 1


def test_only_bad_rows_publish_nothing_and_are_kept(lake: Lake) -> None:
    published = lake.append("raw.trades", trades(4, price=0.0))
    assert (published.rows, published.rows_quarantined) == (0, 4)
    assert lake.scan("raw.trades").collect().is_empty()


@pytest.mark.parametrize("microseconds", [int(T0.timestamp() * 1e9), 2**63 - 1, -(2**63)])
def test_times_in_the_wrong_unit_are_set_aside(lake: Lake, microseconds: int) -> None:
    wrong = pl.Series([0, microseconds]).cast(pl.Datetime("us", "UTC"))
    published = lake.append("raw.trades", trades(2).with_columns(ts=wrong))
    assert published.quarantine is not None
    reasons = pl.read_parquet(published.quarantine, columns=["reason"])["reason"].to_list()
    assert reasons == ["ts: outside the years 1 to 9999"]
    assert lake.scan("raw.trades").collect()["ts"].to_list() == [datetime(1970, 1, 1, tzinfo=UTC)]


def test_a_derived_table_fails_with_rule_count_and_first_key(lake: Lake) -> None:
    given = days("IBM", [T0, T0.replace(day=3), T0.replace(day=4)], close_d=[1.0, NAN, NAN])
    for publish in (lake.replace, lake.append):
        with pytest.raises(ContractError) as caught:
            publish("processed_features.daily_cache", given)
        message = str(caught.value)
        assert message.startswith("processed_features.daily_cache: 2 of 3 rows broke close_d: not a finite number")
        assert message.endswith(" (2); first: ticker=IBM, date=2020-01-03")
    assert lake.snapshot().tables == {}


def test_a_replacement_never_drops_rows(lake: Lake) -> None:
    """`replace` has no quarantine: in a raw zone too a bad row fails it."""
    lake.append("raw.trades", trades(3))
    with pytest.raises(ContractError, match=r"1 of 3 rows broke price: greater_than\(0\)"):
        lake.replace("raw.trades", trades(3, price=[1.0, 0.0, 1.0]))
    assert sorted_rows(lake.scan("raw.trades")).equals(trades(3))


def test_a_column_named_reason_does_not_decide(lake: Lake) -> None:
    """signals.signals_history has a column of the name that the quarantine adds."""
    spec = declared()["signals.signals_history"]
    assert "reason" in spec.polars_schema
    given = rows(spec.name, 1, reason="a reason")
    assert check_contract(spec, given).good.equals(given)
    with pytest.raises(ContractError, match="1 of 1 rows broke size: not a finite number"):
        check_contract(spec, given.with_columns(size=pl.lit(NAN)))


@pytest.mark.parametrize("name", ["../x", "CON", "a/b", ""])
def test_a_bar_specification_can_not_leave_its_folder(name: str) -> None:
    spec = declared()["processed_features.features"]
    with pytest.raises(ContractError, match="bar_spec: not a possible name"):
        check_contract(spec, rows(spec.name, 1, bar_spec=name))


def test_columns_that_no_row_can_mend_are_named(lake: Lake) -> None:
    good = trades(2)
    broken = {
        "missing columns price": good.drop("price"),
        "unknown columns extra": good.with_columns(extra=1),
        r"wrong types: seq is Int32, not Int64": good.with_columns(pl.col("seq").cast(pl.Int32)),
        "ts is Datetime": good.with_columns(pl.col("ts").dt.replace_time_zone(None)),
        "columns must come in the order ticker, ts": good.select(reversed(good.columns)),
    }
    for message, given in broken.items():
        with pytest.raises(ContractError, match=message):
            lake.append("raw.trades", given)
    assert lake.snapshot().tables == {}
