import math

import numpy as np
import pytest
from driven_ticks import fold, in_pieces, random_ticks
from hypothesis import given, settings
from hypothesis import strategies as st

from tsis.core.errors import ParamsError
from tsis.kernels import bars, imbalance_bars, runs_bars
from tsis.kernels.bars import DOLLAR, TICK, VOLUME
from tsis.kernels.expectations import EVER, expectations, observe

COLUMNS = {name: j for j, name in enumerate(imbalance_bars.OUT_COLUMNS)}
IMBALANCE = (imbalance_bars.fold_imbalance_bars, imbalance_bars.initial_state)
RUNS = (runs_bars.fold_runs_bars, runs_bars.initial_state)
BOTH = pytest.mark.parametrize("bar", [IMBALANCE, RUNS], ids=["imbalance", "runs"])
WIDTH = len(COLUMNS)

EXPECTATIONS = {
    "book": {"span_bars": 4, "span_ticks": 60},
    "constant": {"span_bars": 4, "span_ticks": 60, "expected_ticks": (25, 25)},
    "clipped": {"span_bars": 4, "span_ticks": 60, "expected_ticks": (15, 40)},
    "bounded": {"span_bars": 4, "span_ticks": 60, "bar_ticks": (6, 70), "floor": 1.0},
    "bounded, constant": {
        "span_bars": 4,
        "span_ticks": 60,
        "expected_ticks": (25, 25),
        "bar_ticks": (6, 70),
        "floor": 2.0,
    },
    "with an end to its memory": {"span_bars": 3, "span_ticks": 20, "memory_spans": 1},
    "with a long memory": {"span_bars": 2, "span_ticks": 20, "memory_spans": 1.5, "side_ticks": 9},
}


def rows_of(bar, ticks, kind, expect, state=None, **options):
    make, initial_state = bar
    return fold(make, WIDTH, ticks, (kind, expect), initial_state(expect) if state is None else state, **options)


# the definition, slowly and without state


def average(values, span, memory_spans):
    last = list(reversed(values))[: None if memory_spans == EVER else int(memory_spans * span)]
    weights = [(1.0 - 2.0 / (span + 1.0)) ** i for i in range(len(last))]
    return sum(w * v for w, v in zip(weights, last, strict=True)) / sum(weights)


def signs_and_sizes(ticks, kind, multiplier=1.0):
    last, rule, found = math.nan, 0, []
    for price, size, side in zip(*ticks[2:], strict=True):
        rule = 1 if price > last else -1 if price < last else rule
        last = price
        amount = {TICK: 1.0, VOLUME: size, DOLLAR: price * size * multiplier}[kind]
        found.append(((int(side) or rule) * (amount > 0.0), amount))
    return found


def definition(
    bar, ticks, kind, initial, span_bars, span_ticks, memory_spans=EVER,
    expected_ticks=(0.0, EVER), bar_ticks=(0.0, EVER), floor=0.0, side_ticks=0,
):  # fmt: skip
    """Return (trades, threshold) of every bar."""
    past, begun, found, n_ticks, shares, threshold = [], 0, [], [], [], None

    def mean(values):
        return average(values, span_ticks, memory_spans) if values else 0.0

    def expect():
        clipped = average(n_ticks, span_bars, memory_spans) if n_ticks else initial
        expected = clipped if not n_ticks else min(max(clipped, expected_ticks[0]), expected_ticks[1])
        if bar is IMBALANCE:
            chance = floor * math.sqrt(expected) * mean([v for _, v in past])
            return max(expected * abs(mean([b * v for b, v in past])), chance)
        share = average(shares, span_bars, memory_spans) if shares else share_of_buys()
        buy, sell = (mean([v for b, v in past if b == sign]) for sign in (1, -1))
        return expected * max(share * buy, (1.0 - share) * sell)

    def share_of_buys():
        return sum(b == 1 for b, _ in past[begun:]) / (len(past) - begun)

    bought = sold = 0.0
    for sign, size in signs_and_sizes(ticks, kind):
        past.append((sign, size))
        bought, sold = bought + size * (sign == 1), sold + size * (sign == -1)
        seen = min(sum(b == one for b, _ in past) for one in (1, -1)) if bar is RUNS else math.inf
        theta = abs(bought - sold) if bar is IMBALANCE else max(bought, sold)
        is_ready = len(past) >= initial and seen >= side_ticks
        is_last = len(past) - begun >= bar_ticks[1]
        if threshold is None and (is_ready or is_last):
            threshold = expect()
        if is_last or (threshold is not None and theta >= threshold and len(past) - begun >= bar_ticks[0]):
            found.append((len(past) - begun, threshold))
            n_ticks.append(len(past) - begun)
            shares.append(share_of_buys())
            begun, bought, sold = len(past), 0.0, 0.0
            threshold = expect()
    return found


@BOTH
@pytest.mark.parametrize("kind", [TICK, VOLUME, DOLLAR], ids=["tick", "volume", "dollar"])
@pytest.mark.parametrize("name", EXPECTATIONS)
@pytest.mark.parametrize("sides", [True, False], ids=["sides", "tick rule"])
def test_bars_are_those_of_the_definition(bar, kind, name, sides):
    n_bars = 0
    for seed in range(4):
        ticks = random_ticks(seed, 400, sides)
        found = rows_of(bar, ticks, kind, expectations(25, **EXPECTATIONS[name]))
        expected = definition(bar, ticks, kind, 25, **EXPECTATIONS[name])
        assert found[:, COLUMNS["n_ticks"]].tolist() == [n for n, _ in expected]
        np.testing.assert_allclose(found[:, COLUMNS["threshold"]], [t for _, t in expected], rtol=1e-9, atol=1e-9)
        n_bars += len(expected)
    assert n_bars >= 8


@BOTH
def test_a_bar_has_the_columns_that_tick_bars_of_the_same_trades_have(bar):
    ticks = random_ticks(5, 600)
    found = rows_of(bar, ticks, DOLLAR, expectations(25, **EXPECTATIONS["bounded"]), factors=(2.0, 0.5, 3.0))
    state, position = bars.initial_state(), 0
    for row in found:
        end = position + int(row[COLUMNS["n_ticks"]])
        out = np.empty((1, len(bars.OUT_COLUMNS)))
        bars.fold_bars(*(array[position:end] for array in ticks), TICK, end - position, 2.0, 0.5, 3.0, state, out)
        np.testing.assert_array_equal(row[: out.shape[1]], out[0])
        position = end
    assert len(found) > 5


def test_an_average_of_equal_values_is_that_value():
    for memory in (0, 3, 30):
        state = np.zeros(3 + memory)
        assert {observe(1.0, 30.0, state) for _ in range(100)} == {1.0}


def test_thresholds_worked_by_hand():
    """Ten buys of one lot: E0[b] = 1, so that every bar has the ticks of the first."""
    price = 100.0 + np.arange(12.0)
    ticks = (np.arange(12), np.arange(12), price, np.ones(12), np.ones(12, np.int8))
    for bar in (IMBALANCE, RUNS):
        found = rows_of(bar, ticks, TICK, expectations(4))
        assert found[:, COLUMNS["n_ticks"]].tolist() == [4.0, 4.0, 4.0]
        assert found[:, COLUMNS["threshold"]].tolist() == [4.0, 4.0, 4.0]


# properties

seeds, lengths = st.integers(0, 10_000), st.integers(0, 400)
names, kinds = st.sampled_from(sorted(EXPECTATIONS)), st.sampled_from([TICK, VOLUME, DOLLAR])


@BOTH
@settings(max_examples=40)
@given(
    seed=seeds, n=lengths, cuts=st.lists(st.integers(0, 400), max_size=6), capacity=st.integers(1, 5), name=names,
    kind=kinds,
)  # fmt: skip
def test_any_pieces_and_any_capacity_give_the_same_bytes(bar, seed, n, cuts, capacity, name, kind):
    ticks, expect = random_ticks(seed, n), expectations(25, **EXPECTATIONS[name])
    whole_state = bar[1](expect)
    whole = rows_of(bar, ticks, kind, expect, whole_state)
    pieces, state = in_pieces(bar[0], WIDTH, ticks, (kind, expect), bar[1](expect), cuts, capacity)
    assert pieces.tobytes() == whole.tobytes()
    assert state.tobytes() == whole_state.tobytes()


@BOTH
@settings(max_examples=40)
@given(seed=seeds, n=lengths, name=names, kind=kinds)
def test_volume_and_money_are_conserved_and_prices_ordered(bar, seed, n, name, kind):
    ticks, expect = random_ticks(seed, n), expectations(25, **EXPECTATIONS[name])
    state = bar[1](expect)
    found = rows_of(bar, ticks, kind, expect, state)
    volume, dollars, count = (found[:, COLUMNS[name]].sum() for name in ("volume", "dollar_volume", "n_ticks"))
    assert volume + state[5] == ticks[3].sum()
    assert dollars + state[6] == pytest.approx((ticks[2] * ticks[3]).sum(), rel=1e-12)
    assert count + state[0] == n
    opens, highs, lows, closes = (found[:, COLUMNS[name]] for name in ("open", "high", "low", "close"))
    assert (lows <= np.minimum(opens, closes)).all()
    assert (np.maximum(opens, closes) <= highs).all()


@BOTH
@settings(max_examples=25)
@given(seed=seeds, cut=st.integers(0, 300), name=names, kind=kinds)
def test_no_bar_sees_later_trades(bar, seed, cut, name, kind):
    ticks, expect = random_ticks(seed, 300), expectations(25, **EXPECTATIONS[name])
    known = rows_of(bar, [array[:cut] for array in ticks], kind, expect)
    changed = [array.copy() for array in ticks]
    changed[2][cut:] *= 3.0
    changed[3][cut:] += 100.0
    np.testing.assert_array_equal(known, rows_of(bar, changed, kind, expect)[: len(known)])
    np.testing.assert_array_equal(known, rows_of(bar, ticks, kind, expect)[: len(known)])


@BOTH
@settings(max_examples=25)
@given(seed=seeds, scale=st.sampled_from([0.25, 3.0, 7.7]), name=names, kind=st.sampled_from([TICK, VOLUME]))
def test_tick_and_volume_bars_do_not_change_with_the_scale_of_prices(bar, seed, scale, name, kind):
    ticks, expect = random_ticks(seed, 300), expectations(25, **EXPECTATIONS[name])
    scaled = [*ticks[:2], ticks[2] * scale, *ticks[3:]]
    columns = [COLUMNS[name] for name in ("ts_open", "ts_close", "seq", "volume", "n_ticks", "n_buys", "threshold")]
    np.testing.assert_array_equal(
        rows_of(bar, ticks, kind, expect)[:, columns], rows_of(bar, scaled, kind, expect)[:, columns]
    )


@BOTH
def test_inputs_are_not_mutated(bar):
    ticks = random_ticks(1, 200)
    copies = [array.copy() for array in ticks]
    rows_of(bar, ticks, VOLUME, expectations(25, **EXPECTATIONS["bounded"]))
    for array, copy in zip(ticks, copies, strict=True):
        np.testing.assert_array_equal(array, copy)


# bounds


def adversarial(name, n=40_000):
    random = np.random.default_rng(7)
    side = {
        "all buys": np.ones(n),
        "all sells": -np.ones(n),
        "alternating": np.tile([1, -1], n // 2),
        "regimes": np.repeat(random.choice([-1, 1], n // 1_000), 1_000),
        "buys, then in balance": np.concatenate([np.ones(n // 2), random.choice([-1, 1], n // 2)]),
        "in balance, then buys": np.concatenate([random.choice([-1, 1], n // 2), np.ones(n // 2)]),
        "nobody": np.zeros(n),
    }[name]
    size = np.ceil(random.pareto(0.8, n)) + (0.0 if name == "in balance, then buys" else 1.0)
    price = np.full(n, 100.0) if name == "nobody" else 100.0 + 0.25 * random.integers(0, 2, n)
    return np.arange(n), np.zeros(n, np.int64), price, size, side.astype(np.int8)


STREAMS = [
    "all buys",
    "all sells",
    "alternating",
    "regimes",
    "buys, then in balance",
    "in balance, then buys",
    "nobody",
]


@BOTH
@pytest.mark.parametrize("kind", [TICK, VOLUME, DOLLAR], ids=["tick", "volume", "dollar"])
@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("expected", [(0, EVER), (50, 200), (100, 100)], ids=["free", "clipped", "constant"])
def test_bars_stay_inside_the_band_on_any_stream(bar, kind, stream, expected):
    least, most = 10, 1_000
    expect = expectations(100, expected_ticks=expected, bar_ticks=(least, most), floor=1.0)
    state, ticks = bar[1](expect), adversarial(stream)
    found = rows_of(bar, ticks, kind, expect, state)
    counts = found[:, COLUMNS["n_ticks"]]
    assert counts.min() >= least
    assert counts.max() <= most
    assert state[0] < most
    assert 40_000 // most <= len(found) <= 40_000 // least
    thresholds, average_size = (
        found[:, COLUMNS["threshold"]],
        max(ticks[3].max(), 1.0) * (126.0 if kind == DOLLAR else 1.0),
    )
    assert np.isfinite(thresholds).all()
    assert (thresholds <= most * average_size).all()
    if bar is IMBALANCE:
        assert (thresholds > 0.0).all()


def test_without_bounds_the_recursion_of_the_book_leaves_any_band():
    """It needs a second bar for ever, or makes one of every trade: this is what bounds are for."""
    expect = expectations(100, span_ticks=1_000)
    assert len(rows_of(IMBALANCE, adversarial("alternating"), TICK, expect)) == 1
    for bar in (IMBALANCE, RUNS):
        assert len(rows_of(bar, adversarial("nobody"), TICK, expect)) == 39_901
    counts = rows_of(IMBALANCE, adversarial("in balance, then buys"), TICK, expect)[:, COLUMNS["n_ticks"]]
    assert (counts <= 2).mean() > 0.9


def test_the_floor_holds_the_threshold_where_flow_is_balanced():
    ticks = adversarial("alternating")
    found = rows_of(IMBALANCE, ticks, TICK, expectations(100, expected_ticks=(100, 100), bar_ticks=(1, 500), floor=1.0))
    assert (found[:, COLUMNS["threshold"]] == 10.0).all()
    assert (found[:, COLUMNS["n_ticks"]] == 500.0).all()


def test_random_signs_reach_the_floor_after_about_the_expected_trades():
    random = np.random.default_rng(3)
    n = 200_000
    ticks = (np.arange(n), np.arange(n), np.full(n, 9.0), np.ones(n), random.choice([-1, 1], n).astype(np.int8))
    expect = expectations(100, expected_ticks=(100, 100), span_ticks=1e9, floor=1.0)
    found = rows_of(IMBALANCE, ticks, TICK, expect, capacity=10_000)
    # the expected time of a random walk to ±a is a²
    assert found[1:, COLUMNS["n_ticks"]].mean() == pytest.approx(100.0, rel=0.1)


# bad input


@BOTH
@pytest.mark.parametrize("kind", [TICK, VOLUME, DOLLAR], ids=["tick", "volume", "dollar"])
def test_trades_of_size_zero_count_and_add_nothing(bar, kind):
    ticks = list(random_ticks(2, 400))
    ticks[3] = np.where(np.arange(400) % 3 == 0, 0.0, ticks[3])
    found = rows_of(bar, ticks, kind, expectations(25, **EXPECTATIONS["bounded"]))
    expected = definition(bar, ticks, kind, 25, **EXPECTATIONS["bounded"])
    assert found[:, COLUMNS["n_ticks"]].tolist() == [n for n, _ in expected]
    ticks[3] = np.zeros(400)
    found = rows_of(bar, ticks, VOLUME, expectations(25, **EXPECTATIONS["bounded"]))
    assert np.isnan(found[:, COLUMNS["vwap"]]).all()
    assert (found[:, COLUMNS["n_ticks"]][1:] == 6.0).all()  # a threshold of zero is reached as soon as a bar may close


@BOTH
def test_a_threshold_larger_than_the_day_leaves_the_bar_open(bar):
    ticks, expect = random_ticks(2, 400), expectations(1_000, bar_ticks=(100, 10_000))
    state = bar[1](expect)
    assert len(rows_of(bar, ticks, VOLUME, expect, state)) == 0
    assert state[0] == 400
    assert state[5] == ticks[3].sum()


def test_runs_bars_wait_for_both_sides_where_they_are_told_to():
    ticks = adversarial("all buys", 2_000)
    assert len(rows_of(RUNS, ticks, TICK, expectations(100, side_ticks=100))) == 0
    assert len(rows_of(RUNS, ticks, TICK, expectations(100))) == 20


@pytest.mark.parametrize(
    ("initial", "options", "message"),
    [
        (0, {}, "initial_ticks is 0"),
        (math.nan, {}, "initial_ticks is nan"),
        (100, {"span_bars": 0.5}, "span_bars is 0.5"),
        (100, {"span_ticks": math.inf}, "span_ticks is inf"),
        (100, {"floor": -1}, "floor is -1"),
        (100, {"side_ticks": math.nan}, "side_ticks is nan"),
        (100, {"memory_spans": 0.33}, "memory_spans 0.33 of 20 bars"),
        (100, {"memory_spans": 0}, "memory_spans 0"),
        (100, {"expected_ticks": (200, 400)}, r"expected_ticks \(200, 400\) do not hold initial_ticks 100"),
        (100, {"bar_ticks": (1, 50)}, r"bar_ticks \(1, 50\) do not hold initial_ticks 100"),
        (100, {"bar_ticks": (math.nan, 500)}, "bar_ticks"),
    ],
)
def test_expectations_that_can_not_be_are_refused(initial, options, message):
    with pytest.raises(ParamsError, match=message):
        expectations(initial, **options)
