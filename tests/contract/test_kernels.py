"""Laws 1, 2, 4 and 5 over every kernel that discovery finds, and no kernel without.

A kernel gives the same bits in one call, in pieces with its state saved as bytes in between, and row by row; what it
says of a time is the same whether the data end there or go on; it leaves its inputs alone.
"""

from __future__ import annotations

from functools import partial
from types import CodeType, FunctionType, MethodType, ModuleType

import numba
import numpy as np
import pytest
from laws import bits, broken_laws
from numba.core.dispatcher import Dispatcher
from streams import streams

from tsis.core.discovery import modules
from tsis.core.kernel import Batch, Fold
from tsis.features.engine import Live
from tsis.features.features import FeaturesParams
from tsis.kernels.indicators import ewm_std, wilder

N = 700
SEEDS = (1, 2, 3, 4)
MODULES = {module.__name__: module for module in modules("tsis.kernels")}


def bound(kind):
    """Return the instances of `kind` in the kernels, each once, by module and name."""
    found = {}
    for module in MODULES.values():
        for name, value in vars(module).items():
            if isinstance(value, kind):
                found.setdefault(id(value), (f"{module.__name__.rpartition('.')[2]}.{name}", value))
    return dict(found.values())


FOLDS, BATCHES = bound(Fold), bound(Batch)


def inputs_of(kernel, seed, n=N):
    made = streams(seed, n)
    unknown = set(kernel.inputs) - set(made)
    assert not unknown, f"add {sorted(unknown)} to tests/streams.py"
    return tuple(made[name] for name in kernel.inputs)


def broken_laws_of_fold(fold, seed):
    """Return what the fold breaks on one made-up input, and how many of its values are numbers."""
    return broken_laws(fold, inputs_of(fold, seed), seed)


def broken_laws_of_batch(batch, seed):
    """Return what the batch kernel breaks on one made-up input, and how many of its values are numbers."""
    arrays = inputs_of(batch, seed)
    before = [array.tobytes() for array in arrays]
    rows, known = batch.run(arrays)
    broken = []
    if [array.tobytes() for array in arrays] != before:
        broken.append("changes its inputs")
    if len(rows) != len(known) or not ((known >= 0) & (known < N)).all():
        broken.append("does not say when each row is known")
        return broken, 0
    for cut in np.random.default_rng(seed).integers(1, N + 1, 12).tolist():
        early, early_known = batch.run(tuple(array[:cut] for array in arrays))
        if bits(early) != bits(rows[known < cut]) or bits(early_known) != bits(known[known < cut]):
            broken.append("looks ahead")
    return broken, int(np.isfinite(rows).sum())


@pytest.mark.parametrize("name", FOLDS)
def test_a_fold_keeps_the_laws(name):
    found = [broken_laws_of_fold(FOLDS[name], seed) for seed in SEEDS]
    assert [broken for broken, _ in found] == [[]] * len(SEEDS)
    assert all(n_numbers > 0 for _, n_numbers in found)


@pytest.mark.parametrize("name", BATCHES)
def test_a_batch_kernel_keeps_the_laws(name):
    found = [broken_laws_of_batch(BATCHES[name], seed) for seed in SEEDS]
    assert [broken for broken, _ in found] == [[]] * len(SEEDS)
    assert all(n_numbers > 0 for _, n_numbers in found)


@pytest.mark.parametrize("name", FOLDS)
def test_nothing_in_nothing_out_of_a_fold(name):
    fold = FOLDS[name]
    state = fold.initial_state()
    assert len(fold.run(inputs_of(fold, 1, 0), state)) == 0
    assert bits(state) == bits(fold.initial_state())


@pytest.mark.parametrize("name", BATCHES)
def test_nothing_in_nothing_out_of_a_batch_kernel(name):
    rows, known = BATCHES[name].run(inputs_of(BATCHES[name], 1, 0))
    assert len(rows) == len(known) == 0


def test_the_streams_hold_what_kernels_stumble_over():
    made = streams(3, N)
    steps_us = np.diff(made["ts_us"])
    assert (steps_us >= 0).all()
    assert (steps_us == 0).sum() > N // 10
    assert steps_us.max() > 3_600_000_000
    assert (np.diff(made["price"]) == 0).sum() > N // 10
    assert (made["bid"] < made["ask"]).all()
    assert set(made["side"].tolist()) == {-1, 0, 1}
    assert np.isnan(made["log_return"][1:]).any()
    assert np.isnan(made["threshold"][:30]).all()
    lowest, highest = np.minimum(made["open"], made["close"]), np.maximum(made["open"], made["close"])
    assert ((made["low"] <= lowest) & (highest <= made["high"])).all()


# every kernel is reached


def called_by(function):
    """Return what a function can call: the globals, the cells and the bound arguments that it names."""
    if isinstance(function, Dispatcher):
        return called_by(function.py_func)
    if isinstance(function, partial):
        return [function.func, *function.args, *function.keywords.values()]
    if isinstance(function, MethodType):
        return [function.__func__]
    if not isinstance(function, FunctionType):
        return []
    names, codes = set(), [function.__code__]
    while codes:
        code = codes.pop()
        names.update(code.co_names)
        codes += [constant for constant in code.co_consts if isinstance(constant, CodeType)]
    found = [function.__globals__[name] for name in names if name in function.__globals__]
    found += [cell.cell_contents for cell in function.__closure__ or ()]
    in_modules = [value for value in found if isinstance(value, ModuleType)]
    return found + [vars(module)[name] for module in in_modules for name in names if name in vars(module)]


def reached_from(functions):
    """Return the names of all compiled functions that `functions` call, directly or not."""
    seen, found, rest = set(), set(), list(functions)
    while rest:
        function = rest.pop()
        if id(function) in seen:
            continue
        seen.add(id(function))
        if isinstance(function, Dispatcher):
            found.add(name_of(function))
        if getattr(function, "__module__", "tsis").partition(".")[0] in ("tsis", __name__, "functools"):
            rest += called_by(function)
    return found


def name_of(function):
    return f"{function.py_func.__module__}.{function.py_func.__name__}"


def public_kernels(module):
    return {
        name_of(value)
        for name, value in vars(module).items()
        if isinstance(value, Dispatcher) and not name.startswith("_") and value.py_func.__module__ == module.__name__
    }


def tried_functions():
    folds = [fold.run for fold in (*FOLDS.values(), *BATCHES.values())]
    return [*folds, *(bank.step for bank in FeaturesParams().banks().values()), Live.write]


@pytest.mark.parametrize("name", MODULES)
def test_every_kernel_is_reached_by_a_fold_a_batch_or_a_bank(name):
    missing = public_kernels(MODULES[name]) - reached_from(tried_functions())
    assert not missing, f"bind a Fold or a Batch in {name} that calls {sorted(missing)}"


def test_what_is_reached_is_found_through_modules_partials_and_other_kernels():
    def run(arrays, state):
        return wilder(1.0, 14.0, state)

    assert reached_from([run]) == {"tsis.kernels.indicators.wilder"}
    assert reached_from([partial(run, state=ewm_std)]) == {
        "tsis.kernels.indicators.wilder",
        "tsis.kernels.indicators.ewm_std",
    }
    assert not reached_from([lambda arrays, state: state])
    assert "tsis.kernels.bars.close_interval" in reached_from([MODULES["tsis.kernels.bars"].fold_bars])
    assert isinstance(wilder, numba.core.dispatcher.Dispatcher)


# the tests above must fail for a kernel that cheats


def running_sum(arrays, state):
    out = state[0] + np.cumsum(arrays[0])
    if len(out):
        state[0] = out[-1]
    return out


def peeking(arrays, state):
    return np.append(arrays[0][1:], np.zeros(min(len(arrays[0]), 1)))


def forgetting(arrays, state):
    return np.cumsum(arrays[0])


def meddling(arrays, state):
    arrays[0][:1] = 7.0
    return arrays[0]


REMEMBERED = [0.0]


def remembering_elsewhere(arrays, state):
    REMEMBERED[0] += arrays[0].sum()
    return np.full(len(arrays[0]), REMEMBERED[0])


def test_an_honest_fold_passes():
    broken, n_numbers = broken_laws_of_fold(Fold(("volume",), lambda: np.zeros(1), running_sum), 1)
    assert (broken, n_numbers) == ([], N)


@pytest.mark.parametrize("cheat", [peeking, forgetting, meddling, remembering_elsewhere])
def test_a_planted_cheat_is_caught(cheat):
    broken, _ = broken_laws_of_fold(Fold(("volume",), lambda: np.zeros(1), cheat), 1)
    expected = {
        peeking: "looks ahead",
        forgetting: "row by row: other rows",
        meddling: "changes its inputs",
        remembering_elsewhere: "row by row: other rows",
    }
    assert expected[cheat] in broken


def test_a_planted_look_ahead_of_a_batch_kernel_is_caught():
    def honest(arrays):
        return arrays[0], np.arange(len(arrays[0]))

    def cheating(arrays):
        return np.append(arrays[0][1:], np.zeros(min(len(arrays[0]), 1))), np.arange(len(arrays[0]))

    assert broken_laws_of_batch(Batch(("volume",), honest), 1) == ([], N)
    broken, _ = broken_laws_of_batch(Batch(("volume",), cheating), 1)
    assert "looks ahead" in broken
