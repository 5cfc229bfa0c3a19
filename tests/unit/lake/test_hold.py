"""Rows that wait on disk until they are published: the same files as in one piece."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lakes import contents, days, new_lake, rows

from tsis.core.errors import ContractError
from tsis.lake import Lake
from tsis.lake.check import check_lake

DAILY = "processed_features.daily_cache"
NEW_YEAR = datetime(2020, 1, 1, 20, tzinfo=UTC)
TICKERS = [f"T{i}" for i in range(6)]


def moments(n: int) -> list[datetime]:
    return [NEW_YEAR + timedelta(days=i) for i in range(-n, n)]


@settings(max_examples=15, deadline=None)
@given(
    stored=st.lists(st.sampled_from(TICKERS), unique=True),
    added=st.dictionaries(st.sampled_from(TICKERS), st.sampled_from([None, NEW_YEAR, NEW_YEAR + timedelta(days=2)])),
    data=st.data(),
)
def test_in_pieces_as_in_one(tmp_path_factory: pytest.TempPathFactory, stored, added, data) -> None:
    root, parts = tmp_path_factory.mktemp("hold"), []
    before = pl.concat([days("A", []), *(days(ticker, moments(4), info_score=1) for ticker in stored)])
    for ticker, since in sorted(added.items()):
        new = days(ticker, moments(5), info_score=2)
        parts.append(new if since is None else new.filter(pl.col("ts_close") > since))
    gone = dict.fromkeys(data.draw(st.sets(st.sampled_from(TICKERS))) - set(added))
    whole, held = new_lake(root / "whole"), new_lake(root / "held")
    for lake in (whole, held):
        lake.replace(DAILY, before)
    with whole.transaction([DAILY]) as transaction:
        transaction.replace_since(DAILY, pl.concat([days("A", []), *parts]), added | gone)
        transaction.commit("in one")
    cuts = sorted(data.draw(st.lists(st.integers(0, len(parts)), max_size=3)))
    with held.transaction([DAILY]) as transaction:
        for first, last in zip([0, *cuts], cuts, strict=False):
            transaction.hold({DAILY: pl.concat([days("A", []), *parts[first:last]])})
        rest = pl.concat([days("A", []), *parts[cuts[-1] if cuts else 0 :]])
        transaction.replace_since(DAILY, rest, added | gone)
        transaction.commit("in pieces")
    assert whole.snapshot().tables == held.snapshot().tables
    assert list(check_lake(held)) == []


def test_all_rows_are_replaced_and_nothing_is_left_on_disk(lake: Lake) -> None:
    lake.replace(DAILY, days("A", moments(3)))
    with lake.transaction([DAILY]) as transaction:
        for ticker in ("B", "C"):
            transaction.hold({DAILY: days(ticker, moments(2))})
        transaction.replace(DAILY, days("D", moments(1)))
        assert any((lake.root / "_staging").rglob("*.arrow"))
        transaction.let_go(DAILY)
        assert not any((lake.root / "_staging").rglob("*.arrow"))
        transaction.commit("all")
    assert lake.scan(DAILY).collect()["ticker"].value_counts(sort=True).rows() == [("B", 4), ("C", 4), ("D", 2)]


@pytest.mark.parametrize(("held", "last"), [(("B", "A"), "C"), (("A", "B"), "B"), (("A", "C"), "B")])
def test_tickers_out_of_their_order_are_refused(lake: Lake, held, last) -> None:
    before = contents(lake.root)
    with lake.transaction([DAILY]) as transaction:
        for ticker in held:
            transaction.hold({DAILY: days(ticker, moments(2))})
        with pytest.raises(ContractError, match=r"rows of \w come behind those of \w"):
            transaction.replace(DAILY, days(last, moments(2)))
    assert contents(lake.root) == before


def test_where_one_table_breaks_its_contract_none_is_held(lake: Lake) -> None:
    breaks = "processed_features.structural_breaks"
    with lake.transaction([DAILY, breaks]) as transaction:
        with pytest.raises(ContractError, match="ticker: not a possible name"):
            transaction.hold({DAILY: days("A", moments(1)), breaks: rows(breaks, 1, ticker="../A")})
        assert transaction.replace(DAILY, days("B", [])).rows == 0
