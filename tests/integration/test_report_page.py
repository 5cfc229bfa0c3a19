"""The report in a real browser, with the network off."""

from __future__ import annotations

import json
import os
import re
import runpy
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tsis.analytics.report import report_page

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no chromium on this machine: the page can't be rendered")
FRAMES = Path(__file__).parents[1] / "unit" / "analytics" / "report_frames.py"
TRAP = "<img src=x onerror=document.documentElement.dataset.owned=1>"


class Visit:
    """What a headless browser made of a page: its DOM, its console, and the requests that the page began."""

    def __init__(self, page: Path, folder: Path, zone: str = "UTC") -> None:
        log = folder / f"{page.stem}-{zone.replace('/', '-')}.json"
        command = [
            str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--enable-logging=stderr", f"--log-net-log={log}", f"--user-data-dir={folder / log.stem}",
            "--host-resolver-rules=MAP * ~NOTFOUND", "--virtual-time-budget=30000", "--window-size=1300,2000",
            "--dump-dom", page.as_uri(),
        ]  # fmt: skip
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=200, check=True, env={**os.environ, "TZ": zone}
        )
        self.dom = done.stdout
        self.console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
        self.requests = [
            params["url"]
            for params in (event.get("params") or {} for event in _events(log))
            if "url" in params and params.get("initiator", "not an origin") != "not an origin"
        ]


def _events(log: Path) -> list[dict[str, Any]]:
    text = log.read_text().rstrip().rstrip(",") + "]}"  # a browser that ends early leaves the list open
    return json.JSONDecoder().raw_decode(text)[0]["events"]


@pytest.fixture(scope="module")
def tables() -> dict[str, Any]:
    import polars as pl

    tables = runpy.run_path(str(FRAMES))["chain"]()
    named = {"strategy_id", "model", "feature", "ticker", "reason", "stage", "verdict"}
    return {
        name: rows.with_columns(pl.col([column for column in rows.columns if column in named]) + TRAP)
        for name, rows in tables.items()
    }


@pytest.fixture(scope="module")
def visit(tables: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Visit:
    folder = tmp_path_factory.mktemp("browser")
    page = folder / "report.html"
    page.write_text(report_page(tables, "3f7a9d2c" * 8))
    return Visit(page, folder)


def _charts(dom: str) -> list[str]:
    return re.split(r'<div class="chart[^>]*id=', dom)[1:]


def test_every_chart_is_drawn_under_the_policy(visit: Visit) -> None:
    assert 'data-drawn="15"' in visit.dom
    charts = _charts(visit.dom)
    assert len(charts) == 15
    assert all('class="main-svg"' in chart for chart in charts)
    assert all(re.search(r'class="(scatterlayer|barlayer)[^"]*"><g', chart) for chart in charts)
    assert visit.console == []


def test_no_request_leaves_the_page(visit: Visit, tmp_path: Path) -> None:
    assert visit.requests == []
    open_page = tmp_path / "open.html"
    open_page.write_text('<!doctype html><img src="http://example.test/x.png">')
    assert Visit(open_page, tmp_path).requests == ["http://example.test/x.png"], (
        "the log shows no request: it proves nothing"
    )


def test_text_from_data_does_not_run(visit: Visit) -> None:
    assert "&lt;img src=x" in visit.dom
    assert "data-owned" not in visit.dom
    assert not re.search("<img[^>]*onerror", visit.dom.split("<script>")[0])


def test_times_are_utc_in_any_time_zone(visit: Visit, tables: dict[str, Any], tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    page.write_text(report_page(tables, "3f7a9d2c" * 8))
    elsewhere = Visit(page, tmp_path, zone="America/New_York")
    ticks = [re.findall(r'class="xtick".*?</text>', dom) for dom in (visit.dom, elsewhere.dom)]
    assert len(ticks[0]) > 50
    assert ticks[0] == ticks[1]
