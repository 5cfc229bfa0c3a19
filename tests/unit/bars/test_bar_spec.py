import pytest

from tsis.bars.bar_spec import parse_bar_spec
from tsis.core.errors import UsageError


@pytest.mark.parametrize(
    ("name", "kind", "threshold"),
    [
        ("time_30s", "time", 30.0),
        ("time_1m", "time", 60.0),
        ("time_4h", "time", 14_400.0),
        ("time_1d", "time", 86_400.0),
        ("tick_1000", "tick", 1_000.0),
        ("tick_1k", "tick", 1_000.0),
        ("volume_2.5k", "volume", 2_500.0),
        ("dollar_70M", "dollar", 70e6),
        ("dollar_1.5B", "dollar", 1.5e9),
    ],
)
def test_a_name_says_what_closes_the_bar(name, kind, threshold):
    found = parse_bar_spec(name)
    assert (found.name, found.kind, found.threshold) == (name, kind, threshold)


@pytest.mark.parametrize(
    "name",
    ["", "time_1", "time_0m", "time_5w", "time_2d", "tick_0", "tick_1.5", "dollar_-1M", "dollar_1m", "dolar_1M", "tib"],
)
def test_other_names_are_refused_with_the_grammar(name):
    with pytest.raises(UsageError, match="bar_spec"):
        parse_bar_spec(name)
