"""Every SQL statement in docs/ runs on the demo lake."""

from __future__ import annotations

import re

import pytest

from tsis.lake.catalog import open_catalog
from tsis.runtime.settings import REPOSITORY

BLOCK = re.compile(r"^```sql\n(.*?)^```", flags=re.DOTALL | re.MULTILINE)
STATEMENTS = [
    pytest.param(statement, id=page.stem)
    for page in sorted((REPOSITORY / "docs").glob("*.md"))
    for block in BLOCK.findall(page.read_text(encoding="utf-8"))
    for statement in block.split(";")
    if statement.strip()
]


def test_there_are_statements():
    assert len(STATEMENTS) > 5


@pytest.mark.parametrize("statement", STATEMENTS)
def test_a_statement_runs(statement, demo_lake):
    with open_catalog(demo_lake / "warehouse.duckdb") as catalog:
        assert catalog.sql(statement).pl().width
