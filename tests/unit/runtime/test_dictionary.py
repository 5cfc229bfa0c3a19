"""lake/README.md is the generated data dictionary."""

from __future__ import annotations

from tsis.runtime.dag import stages
from tsis.runtime.dictionary import dictionary_markdown
from tsis.runtime.params import read_params
from tsis.runtime.settings import REPOSITORY
from tsis.runtime.tables import tables


def test_the_committed_dictionary_is_the_generated_one():
    committed = (REPOSITORY / "lake" / "README.md").read_text(encoding="utf-8")
    assert committed == dictionary_markdown(tables(read_params(REPOSITORY / "params.yaml", stages()))), (
        "run: tsis tables --markdown > lake/README.md"
    )
