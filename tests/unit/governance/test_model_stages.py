"""The log of promotions and retirements is a chain."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from tsis.core.errors import IntegrityError
from tsis.core.table import spec
from tsis.governance.model_stages import Change, chained, standings, verify_stages
from tsis.tables.governance.model_stages import ModelStages

START = datetime(2026, 1, 1, tzinfo=UTC)
EMPTY = spec(ModelStages).empty()


def change(n, stage, version="a" * 64, model="m"):
    entry = f'{{"name": "{model}", "version": "{version}", "n": {n}}}'
    return Change(
        model, version, stage, f"reason {n}", entry, "run" if stage == "active" else None, START + timedelta(n)
    )


CHANGES = [change(0, "active"), change(1, "retired"), change(2, "active", "b" * 64), change(3, "active")]


def test_what_a_version_is_now_is_its_last_change():
    now = standings(chained(EMPTY, CHANGES))
    assert [(key[1][0], one.stage, one.active_from, one.active_to) for key, one in now.items()] == [
        ("a", "active", START + timedelta(3), None),
        ("b", "active", START + timedelta(2), None),
    ]
    assert now["m", "a" * 64].entry["n"] == 3
    retired = standings(chained(EMPTY, CHANGES[:2]))["m", "a" * 64]
    assert (retired.stage, retired.active_from, retired.active_to) == ("retired", START, START + timedelta(1))
    assert standings(EMPTY) == {}


def test_appending_in_steps_equals_appending_at_once():
    first = chained(EMPTY, CHANGES[:2])
    both = pl.concat([first, chained(first, CHANGES[2:])])
    assert both.equals(chained(EMPTY, CHANGES))
    verify_stages(both)
    verify_stages(EMPTY)


@pytest.mark.parametrize("name", ["model_version", "stage", "reason", "entry", "changed_at", "hash", "previous"])
def test_an_altered_row_breaks_the_chain(name):
    log = chained(EMPTY, CHANGES)
    other = {"stage": "retired", "changed_at": START + timedelta(9)}.get(name, "x")
    altered = pl.when(pl.col("position") == 2).then(pl.lit(other)).otherwise(pl.col(name))
    with pytest.raises(IntegrityError, match="chain is broken at position 2 of 4"):
        verify_stages(log.with_columns(altered.cast(log.schema[name]).alias(name)))


def test_a_removed_or_inserted_row_breaks_the_chain():
    log = chained(EMPTY, CHANGES)
    with pytest.raises(IntegrityError, match="position 1 of 3"):
        verify_stages(log.filter(pl.col("position") != 1))
    twice = pl.concat([log, log.filter(pl.col("position") == 1)]).sort("position")
    with pytest.raises(IntegrityError, match="position 2 of 5"):
        verify_stages(twice.with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias("position")))
