"""Documents that refer to files of the repository refer to files that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
DECISIONS = sorted((ROOT / "docs/adr").glob("[0-9]*.md"))


def links(document: Path) -> set[str]:
    """Return the targets of the relative links of a Markdown file."""
    found = re.findall(r"\]\(([^)#\s]+)", document.read_text())
    return {target for target in found if "://" not in target}


def test_the_index_lists_every_decision_in_order() -> None:
    listed = re.findall(r"\]\((\d{4}-[a-z0-9-]+\.md)\)", (ROOT / "docs/adr/README.md").read_text())
    assert listed == [path.name for path in DECISIONS]
    assert [int(path.name[:4]) for path in DECISIONS] == list(range(1, len(DECISIONS) + 1))


@pytest.mark.parametrize("decision", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_says_why_what_and_at_what_price(decision: Path) -> None:
    text = decision.read_text()
    headings = re.findall(r"^## (.*)$", text, flags=re.MULTILINE)
    assert re.match(rf"# {int(decision.name[:4])}\. \S", text)
    assert headings == ["Context", "Decision", "Consequences"]
    assert len(text.splitlines()) <= 60


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/adr/README.md"])
def test_links_lead_to_files(name: str) -> None:
    document = ROOT / name
    missing = {target for target in links(document) if not (document.parent / target).exists()}
    assert not missing
