import pytest

from tsis.core.bar_spec import parse_bar_spec
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
    ("name", "kind", "threshold", "expected"),
    [
        ("tib_1000", "tick_imbalance", 1_000.0, "ewma"),
        ("vib_500_const", "volume_imbalance", 500.0, "const"),
        ("dib_2.5k_book", "dollar_imbalance", 2_500.0, "book"),
        ("trb_1k", "tick_runs", 1_000.0, "ewma"),
        ("vrb_1M_const", "volume_runs", 1e6, "const"),
        ("drb_20_book", "dollar_runs", 20.0, "book"),
        ("range_2.5", "range", 2.5, None),
        ("range_0.0005", "range", 0.0005, None),
        ("renko_10", "renko", 10.0, None),
        ("renko_0.25", "renko", 0.25, None),
        ("dollar_70M", "dollar", 70e6, None),
    ],
)
def test_a_name_says_what_is_expected_or_how_far_the_price_goes(name, kind, threshold, expected):
    found = parse_bar_spec(name)
    assert (found.name, found.kind, found.threshold, found.expected) == (name, kind, threshold, expected)


@pytest.mark.parametrize(
    "name",
    ["tib_0", "tib_1.5", "tib_1000_ewma", "tib", "dib_1k_", "tick_1000_const", "dollar_1M_book", "xib_1000", "range_0",
     "range_0.0", "range_1k", "renko_-1", "renko_.5", "renko_1_const"],
)  # fmt: skip
def test_other_names_of_these_bars_are_refused_with_the_grammar(name):
    with pytest.raises(UsageError, match="bar_spec"):
        parse_bar_spec(name)


@pytest.mark.parametrize(
    "name",
    ["", "time_1", "time_0m", "time_5w", "time_2d", "tick_0", "tick_1.5", "dollar_-1M", "dollar_1m", "dolar_1M", "tib"],
)
def test_other_names_are_refused_with_the_grammar(name):
    with pytest.raises(UsageError, match="bar_spec"):
        parse_bar_spec(name)
