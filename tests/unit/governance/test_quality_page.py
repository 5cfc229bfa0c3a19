"""The quality page: what failed with examples, every check with its limits, the last runs; nothing leaves it."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import polars as pl
from lakes import declared, rows

from tsis.governance.quality.check import checks
from tsis.governance.quality.page import quality_page

TRAP = "<img src=x onerror=alert(1)>"
NOW = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)
VERSION = "a" * 64


class Tags(HTMLParser):
    """The tags and attributes that a browser would build."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def verdicts(n: int = 1, **columns: object) -> pl.DataFrame:
    given = {
        "run_id": "r1",
        "check_name": "outlier_returns",
        "judged_table": "raw.trades",
        "severity": "warning",
        "is_passed": False,
        "unit": "ratio",
        "at_most": 15.0,
        "n_measured": 4,
        "n_failed": 1,
        "worst": 34.1663,
        "examples": json.dumps([{"ticker": f"ES{TRAP}", "at": "2000-09-29", "value": 34.1663}]),
        "version": VERSION,
        "result": "{}",
        "judged_at": NOW,
    }
    return rows("governance.quality", n, **given | columns)


def page(quality: pl.DataFrame, **current: str) -> str:
    return quality_page(quality, checks(), {name.replace("__", "."): version for name, version in current.items()})


def section(text: str, name: str) -> str:
    return text.partition(f'<section id="{name}">')[2].partition("</section>")[0]


def test_a_failure_is_shown_with_its_examples_its_limit_and_why() -> None:
    shown = section(page(verdicts(), raw__trades=VERSION), "warnings")
    (check,) = (check for check in checks() if check.name == "outlier_returns")
    for words in ("raw.trades", "outlier_returns", "2000-09-29", "34.17", "≤ 15", "1 of 4", "in the current snapshot"):
        assert words in shown, words
    assert check.warning
    assert check.warning.reason in shown
    assert "No errors, 1 warning in the current snapshot." in page(verdicts(), raw__trades=VERSION)
    assert "No errors, 1 warning in versions that were not promoted" in page(verdicts(), raw__trades="b" * 64)
    assert "not promoted" in section(page(verdicts(), raw__trades="b" * 64), "warnings")


def test_nothing_leaves_the_page_and_text_from_data_is_text() -> None:
    text = page(pl.concat([verdicts(run_id=f"r{TRAP}"), verdicts(severity="error", judged_table="raw.quotes")]))
    found = Tags(text)
    assert TRAP in found.text
    assert not {"img", "script", "iframe", "object"} & set(found.tags)
    assert not re.search(r"https?://|@import|url\(", text)
    links = [value for name, value in found.attributes if name in ("href", "src")]
    assert all(str(link).startswith(("#", "data:")) for link in links)
    assert not [name for name, _ in found.attributes if name.startswith("on")]
    assert "default-src 'none'" in text


def test_the_last_verdict_counts() -> None:
    later = verdicts(run_id="r2", is_passed=True, n_failed=0, examples="[]", judged_at=NOW + timedelta(hours=1))
    text = page(pl.concat([verdicts(), later]))
    assert "No errors, no warnings in the current snapshot." in text
    assert "No warnings." in section(text, "warnings")
    assert "r1" in section(text, "runs"), "the history keeps what was"


def test_the_history_tells_blocked_from_promoted_the_newest_first() -> None:
    runs = [
        verdicts(run_id="r1"),
        verdicts(run_id="r2", severity="error", judged_at=NOW + timedelta(hours=1)),
        verdicts(run_id="judging:x", severity="error", judged_at=NOW + timedelta(hours=2)),
    ]
    shown = section(page(pl.concat(runs)), "runs")
    outcomes = re.findall(r"current snapshot judged|blocked|promoted", shown)
    assert outcomes == ["current snapshot judged", "blocked", "promoted"]


def test_only_the_last_runs_are_listed() -> None:
    many = [verdicts(run_id=f"r{i}", judged_at=NOW + timedelta(hours=i)) for i in range(30)]
    shown = section(page(pl.concat(many)), "runs")
    assert "The last 20 of 30 runs." in shown
    assert '<td class="text">r9</td>' not in shown
    assert '<td class="text">r29</td>' in shown


def test_before_anything_was_judged_there_is_a_page_too() -> None:
    text = page(declared()["governance.quality"].empty())
    assert "Nothing has been judged yet" in text
    assert text.count("<section") == 4


def test_equal_verdicts_give_equal_text_and_forgotten_checks_are_left_out() -> None:
    quality = pl.concat([verdicts(), verdicts(check_name="gone", run_id="r2")])
    assert page(quality) == page(quality.reverse())
    assert "gone" not in section(page(quality), "warnings")
