"""The quality page in a real browser, with the network off."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from lakes import rows
from test_report_page import BROWSER, TRAP, Visit

from tsis.governance.quality.check import checks
from tsis.governance.quality.page import quality_page

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no chromium on this machine: the page can't be rendered")


@pytest.fixture(scope="module")
def visit(tmp_path_factory: pytest.TempPathFactory) -> Visit:
    verdicts = [
        rows(
            "governance.quality",
            1,
            run_id=f"r{TRAP}",
            check_name="outlier_returns",
            judged_table=table,
            severity=severity,
            worst=34.5,
            examples=json.dumps([{"ticker": f"ES{TRAP}", "value": 34.5}]),
            at_most=15.0,
        )
        for table, severity in (("raw.trades", "error"), ("raw.ohlcv_1m", "warning"))
    ]
    folder: Path = tmp_path_factory.mktemp("browser")
    page = folder / "quality.html"
    page.write_text(quality_page(pl.concat(verdicts), checks(), {}))
    return Visit(page, folder)


def test_nothing_is_requested_but_the_page(visit: Visit) -> None:
    assert visit.requests == []
    assert visit.console == []


def test_text_from_data_is_shown_as_text(visit: Visit) -> None:
    assert "data-owned" not in visit.dom
    assert "ES&lt;img" in visit.dom
    for words in ("raw.trades", "raw.ohlcv_1m", "34.5", "blocked"):
        assert words in visit.dom
