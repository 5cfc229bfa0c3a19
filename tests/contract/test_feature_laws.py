"""Laws 1, 2, 4, 5 and 6 over every output of every family of features that discovery finds."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from given_rows import given_rows, streams

from tsis.core.feature import Bank, Feature
from tsis.core.jit import jit
from tsis.core.step_call import address, run_step
from tsis.core.stream import CLOSE, N_GIVEN, N_STREAMS, NAMES, VOLUME
from tsis.features.audit import audit
from tsis.features.engine import Engine
from tsis.features.families import families
from tsis.features.features import FeaturesParams

BANKS = FeaturesParams().banks()
BARS = [("5m", 1), ("1h", 2), ("1d", 3)]
CUTS = (1, 137, 300, 301, 777)
CLOCK = {"ts_open", "ts_close", "session", "session_open", "session_close", "is_half_day"}


def broken(bank, rows, cuts=CUTS):
    return {(finding.law, finding.column): finding for finding in audit(bank, streams(rows), cuts) if finding.n_broken}


@pytest.mark.parametrize(("spacing", "seed"), BARS)
@pytest.mark.parametrize("name", BANKS)
def test_every_law_holds_for_every_output(name, spacing, seed):
    assert not broken(BANKS[name], given_rows(spacing, seed))


@pytest.mark.parametrize("name", BANKS)
def test_it_reads_what_it_declares_and_no_more(name):
    bank, rows = BANKS[name], given_rows("1h", 2)
    out, _ = fold([bank], rows)
    matters = set()
    for stream in range(N_GIVEN):
        other = rows.copy()
        other[300:, stream] = other[300:, stream] * 1.01 + 1.0
        matters |= {stream} if fold([bank], other)[0].tobytes() != out.tobytes() else set()
    derived_of = {
        "log_return": {"close"},
        "true_range": {"high", "low", "close"},
        "typical_price": {"high", "low", "close"},
    }
    declared = {NAMES[stream] for stream in bank.inputs}
    allowed = declared.union(*(derived_of.get(stream, set()) for stream in declared))
    assert {NAMES[stream] for stream in matters} <= allowed
    assert matters or not declared


@pytest.mark.parametrize("name", BANKS)
def test_it_writes_all_of_its_columns_and_leaves_the_rest_alone(name):
    bank, rows = BANKS[name], given_rows("5m", 1, 300)
    around = [planted("left", _left), bank, planted("right", _left)]
    out, _ = fold(around, rows)
    alone, _ = fold([bank], rows)
    assert bits(out[:, 1:-1]) == bits(alone)
    np.testing.assert_array_equal(out[:, [0, -1]], np.full((300, 2), 7.0))
    window = np.full((N_STREAMS, bank.lookback + 301), np.nan)
    window[:N_GIVEN, bank.lookback + 1 :] = rows.T
    before, mark = window.tobytes(), float.fromhex("0x1.5555555555555p+700")
    written = np.full((300, len(bank.outputs)), mark)
    first = bank.lookback + 1
    params, state = np.array(bank.params, dtype=np.float64), np.zeros(bank.state_size)
    run_step(address(bank.step), window, first, first + 300, params, state, written, 0)
    assert window.tobytes() == before
    assert not (written == mark).any()


@pytest.mark.parametrize("name", BANKS)
def test_a_missing_bar_and_a_misprint_do_not_last(name):
    bank, rows = BANKS[name], given_rows("1h", 2)
    clean, _ = fold([bank], rows)
    lost = rows.copy()
    lost[400, 2:14] = np.nan
    after, _ = fold([bank], lost)
    is_back = np.isfinite(after[-200:]) | ~np.isfinite(clean[-200:])
    assert is_back.mean(axis=0).min() > 0.9, [output.name for output in bank.outputs]


@pytest.mark.parametrize("name", BANKS)
def test_it_has_values_from_its_warm_up_on(name):
    seen = np.zeros(len(BANKS[name].outputs), dtype=bool)
    for spacing, seed in BARS:
        seen |= np.isfinite(fold([BANKS[name]], given_rows(spacing, seed))[0]).any(axis=0)
    assert seen.all(), [output.name for output, is_seen in zip(BANKS[name].outputs, seen, strict=True) if not is_seen]


def test_together_they_say_what_each_says_alone():
    rows = given_rows("5m", 4, 1_500)
    banks = list(BANKS.values())
    together, last = fold(banks, rows)
    assert bits(together) == bits(np.hstack([fold([bank], rows)[0] for bank in banks]))
    engine = Engine(banks)
    session, checkpoint, parts = engine.live(engine.start()), engine.start(), []
    live = one_by_one(session, rows)
    for start, stop in pairwise([0, 1, 500, 1_201, 1_500]):
        part, checkpoint = engine.fold(streams(rows[start:stop]), np.frombuffer(checkpoint.tobytes()))
        parts.append(part)
    assert bits(together) == bits(live) == bits(np.concatenate(parts))
    assert bits(last) == bits(checkpoint) == bits(session.checkpoint())


def test_a_long_series_passes_the_room_of_the_engine():
    rows = given_rows("5m", 4, 10_000)
    banks = [bank for bank in BANKS.values() if bank.lookback] or list(BANKS.values())
    engine = Engine(banks)
    whole, _ = fold(banks, rows)
    session = engine.live(engine.start())
    assert bits(whole) == bits(one_by_one(session, rows))


def test_names_and_units_are_told():
    assert list(BANKS) == list(families())
    outputs = [output for bank in BANKS.values() for output in bank.outputs]
    assert len({output.name for output in outputs}) == len(outputs)
    for output in outputs:
        assert re.fullmatch(r"[a-z][a-z0-9_]*", output.name)
        assert output.unit
        assert output.source
        assert len(output.description) > 15, output.name
    for family in families().values():
        assert family.description


@jit
def _left(x, first, stop, params, state, out, k):
    for i in range(first, stop):
        out[i - first, k] = 7.0


@jit
def _peek(x, first, stop, params, state, out, k):
    for i in range(first, stop):
        out[i - first, k] = x[CLOSE, i + 1] if i + 1 < stop else np.nan


@jit
def _too_far_back(x, first, stop, params, state, out, k):
    for i in range(first, stop):
        out[i - first, k] = x[CLOSE, i - 3]


@jit
def _forgetful(x, first, stop, params, state, out, k):
    total = 0.0
    for i in range(first, stop):
        total += x[VOLUME, i]
        out[i - first, k] = total


def planted(name, step, **changes):
    feature = Feature(name, "quote", "A feature that breaks a law", 0, "none")
    return replace(Bank((CLOSE, VOLUME), (feature,), (), 1, step), **changes)


@pytest.mark.parametrize(
    ("step", "changes", "laws"),
    [
        (_peek, {}, {"live = batch", "no look-ahead", "increment = rebuild"}),
        (_too_far_back, {"lookback": 1}, {"live = batch", "increment = rebuild"}),
        (_forgetful, {}, {"live = batch", "increment = rebuild"}),
        (_too_far_back, {"lookback": 3, "outputs": (Feature("planted", "quote", "x", 4, "none"),)}, {"warm-up"}),
        (_too_far_back, {"lookback": 3, "outputs": (Feature("planted", "quote", "x", 3, "none"),)}, set()),
    ],
)
def test_a_planted_fault_is_caught(step, changes, laws):
    found = broken(planted("planted", step, **changes), given_rows("5m", 1))
    assert {law for law, _ in found} == laws


def one_by_one(session, rows):
    return np.concatenate([session.step(streams(rows[i : i + 1])).copy() for i in range(len(rows))])


def fold(banks, rows):
    engine = Engine(banks)
    return engine.fold(streams(rows), engine.start())


def bits(values):
    return np.where(np.isnan(values), np.nan, values).tobytes()
