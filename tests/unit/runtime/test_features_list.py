"""docs/features-list.md is the generated list of all features."""

from __future__ import annotations

from tsis.features.families import families
from tsis.features.features import FeaturesParams
from tsis.runtime.feature_pages import features_markdown
from tsis.runtime.settings import REPOSITORY


def test_the_committed_list_is_the_generated_one():
    committed = (REPOSITORY / "docs" / "features-list.md").read_text(encoding="utf-8")
    written = features_markdown(families(), FeaturesParams().banks())
    assert committed == written, "run: tsis features list --markdown > docs/features-list.md"
