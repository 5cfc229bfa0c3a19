"""The recipes of CONTRIBUTING.md work as they stand there."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from types import ModuleType

import numpy as np
import polars as pl
import pytest
import yaml
from feature_rows import columns, rows

from tsis.core.stream import CLOSE, HIGH, LOW
from tsis.core.table import TableSpec, spec
from tsis.features.audit import audit
from tsis.features.engine import Engine
from tsis.lake.contract import check_contract
from tsis.models.predictions import PredictionsParams
from tsis.models.sample import Sample
from tsis.signals.setups import SetupsParams

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "CONTRIBUTING.md").read_text()
RECIPES = dict(re.findall(r"```python\n# (tsis/\S+\.py)\n(.*?)```", TEXT, flags=re.DOTALL))
BEGIN = datetime(2024, 1, 2, tzinfo=UTC)


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function that imports the file of a recipe under the name that it would have."""

    def load(path: str) -> ModuleType:
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(RECIPES[path])
        name = path.removesuffix(".py").replace("/", ".")
        found = importlib.util.spec_from_file_location(name, file)
        module = importlib.util.module_from_spec(found)
        monkeypatch.setitem(sys.modules, name, module)
        found.loader.exec_module(module)
        return module

    return load


def is_documented(table: TableSpec) -> bool:
    return all(table.unit(name) and column.description for name, column in table.columns.items())


def bars(n: int) -> pl.DataFrame:
    """Return `n` hourly bars whose close is 100, 101, 102, …"""
    from tsis.tables.processed_features.information_bars import InformationBars

    schema = spec(InformationBars).polars_schema
    values = {"ticker": "X", "bar_spec": "time_1h", "seq": 0, "price_factor": 1.0, "raw_table": "raw.ohlcv_1h"}
    times = [BEGIN + timedelta(hours=i) for i in range(n)]
    closes = [100.0 + i for i in range(n)]
    return pl.DataFrame(
        [{**dict.fromkeys(schema), **values, "ts_close": t, "close": c} for t, c in zip(times, closes, strict=True)],
        schema=schema,
    )


@pytest.mark.parametrize("path", RECIPES)
def test_a_recipe_is_clean(path: str) -> None:
    for command in (["check"], ["format", "--check"]):
        arguments = [sys.executable, "-m", "ruff", *command, "--stdin-filename", path, "-"]
        done = subprocess.run(arguments, cwd=ROOT, input=RECIPES[path], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_recipe_of_a_table(recipe) -> None:
    table = spec(recipe("tsis/tables/raw/funding_rates.py").FundingRates)
    assert (table.name, table.is_revisable, table.quarantines) == ("raw.funding_rates", True, True)
    assert is_documented(table)
    row = {"ticker": "X", "ts": BEGIN, "rate_frac": 2.0, "source": "v", "is_synthetic": False, "is_deleted": False}
    rows = pl.DataFrame([{**row, "interval_s": None, "known_at": BEGIN}], schema=table.polars_schema)
    assert check_contract(table, rows).bad.height == 1
    assert check_contract(table, rows.with_columns(rate_frac=0.0001)).bad.height == 0


def test_the_recipe_of_a_source(recipe, tmp_path: Path) -> None:
    source = recipe("tsis/sources/candles.py").CANDLES
    lines = ["open_time,o,h,l,c,vol", "1704153600000,10,12,9,11,5", "1704157200000,11,12,ten,11,5"]
    (tmp_path / "BTCUSD.csv").write_text("\n".join(lines) + "\n")
    (batch,) = source.batches(source.request(path=str(tmp_path)))
    assert batch.table == "raw.ohlcv_1h"
    assert batch.rows.select("ticker", "ts", "ts_close", "close").row(0) == (
        "BTCUSD",
        BEGIN,
        BEGIN + timedelta(hours=1),
        11.0,
    )
    assert batch.rows["known_at"].to_list() == [BEGIN + timedelta(hours=1, seconds=1)]
    assert batch.rejected.select("row", "reason").rows() == [(2, "low: not a number: 'ten'")]


def test_the_recipe_of_a_feature(recipe) -> None:
    module = recipe("tsis/features/trend/vortex.py")
    bank = module.vortex(module.VortexParams(periods=(5, 14)))
    given = rows(300, 3)
    high, low, close = given[:, HIGH], given[:, LOW], given[:, CLOSE]
    found = columns(Engine([bank]), given)
    ranges = np.maximum(high[1:], close[:-1]) - np.minimum(low[1:], close[:-1])
    moves = {"up": np.abs(high[1:] - low[:-1]), "down": np.abs(low[1:] - high[:-1])}
    for side, period in product(moves, (5, 14)):
        expected = [moves[side][i - period : i].sum() / ranges[i - period : i].sum() for i in range(period, 300)]
        np.testing.assert_allclose(found[f"vortex_{side}_{period}"][period:], expected, rtol=1e-12)
    assert {output.name: output.warm_up for output in bank.outputs} == {
        name: np.isnan(values).sum() for name, values in found.items()
    }
    assert not [finding for finding in audit(bank, given, (1, 17, 256)) if finding.n_broken]


def test_the_recipe_of_an_event_filter(recipe) -> None:
    module = recipe("tsis/labeling/filters/breakout.py")
    chosen, params = module.BREAKOUT, module.BreakoutParams(window=7)
    close = 100.0 + np.cumsum(np.random.default_rng(3).normal(size=80))
    x = np.vstack((close + 0.5, close - 0.5, close))
    whole = chosen.run(x, params, chosen.initial_state(params))
    state = chosen.initial_state(params)
    pieces = [chosen.run(x[:, i : i + 1], params, state) for i in range(80)]
    ranges = [(x[0, i - 7 : i].max(), x[1, i - 7 : i].min()) for i in range(7, 80)]
    expected = [int(now > top) - int(now < bottom) for now, (top, bottom) in zip(close[7:], ranges, strict=True)]
    assert np.concatenate(pieces).tolist() == whole.tolist() == [0] * 7 + expected
    assert {-1, 1} <= set(expected)


def test_the_recipe_of_an_estimator(recipe) -> None:
    module = recipe("tsis/models/estimators/decision_tree.py")
    rng = np.random.default_rng(3)
    x = rng.normal(size=(300, 2))
    x[::5, 1] = np.nan
    sample = Sample(x, (x[:, 0] > 0.5).astype(float), rng.uniform(0.5, 2.0, 300), ("a", "b"))
    chosen = module.DECISION_TREE
    learner = chosen.fit(sample, module.DecisionTreeParams(max_depth=2))
    again, attributes = chosen.load(learner.dump({"kind": chosen.kind}))
    assert again.probability(x).tolist() == learner.probability(x).tolist()
    assert attributes["kind"] == "decision_tree"
    assert ((learner.probability(x) > 0.5) == (sample.label == 1.0)).mean() > 0.97
    assert learner.importance.tolist() == pytest.approx([1.0, 0.0], abs=0.05)


def test_the_recipe_of_a_rule_strategy(recipe) -> None:
    module = recipe("tsis/labeling/strategies/donchian.py")
    chosen, params = module.DONCHIAN, module.DonchianParams(window=7)
    close = 100.0 + np.cumsum(np.random.default_rng(3).normal(size=80))
    x = np.vstack((close + 0.5, close - 0.5, close))
    whole = chosen.run(x, params, chosen.initial_state(params))
    state = chosen.initial_state(params)
    pieces = [chosen.run(x[:, i : i + 1], params, state) for i in range(80)]
    sides = [0] * chosen.warm_up_bars(params)
    for i in range(7, 80):
        is_up, is_down = close[i] > x[0, i - 7 : i].max(), close[i] < x[1, i - 7 : i].min()
        sides.append(1 if is_up else -1 if is_down else sides[-1])
    assert np.concatenate(pieces, axis=1).tolist() == whole.tolist()
    assert whole[0].tolist() == sides
    assert whole[1].tolist() == [0, *(np.diff(sides) != 0).astype(int).tolist()]
    assert {-1, 1} <= set(sides)


def test_the_recipe_of_a_label(recipe) -> None:
    table = spec(recipe("tsis/tables/labeling/next_move.py").NextMove)
    stage = recipe("tsis/labeling/next_move.py").next_move
    events_table, bars_table = stage.reads
    made = [{"t0": BEGIN + timedelta(hours=hour), "target": 0.01} for hour in (0, 7)]
    events = pl.DataFrame(
        [{"ticker": "X", "bar_spec": "time_1h", "seq": 0, "kind": "cusum", "side": None, **event} for event in made],
        schema=events_table.polars_schema,
    )
    labels = stage(events=events, information_bars=bars(10), params=stage.params(n_bars=5))
    nothing = stage(events=events_table.empty(), information_bars=bars_table.empty(), params=stage.params())
    assert is_documented(table)
    assert labels.select("t0", "t1", "label", "ret_frac").rows() == [
        (BEGIN, BEGIN + timedelta(hours=5), 1, 105 / 100 - 1)
    ]
    assert check_contract(table, labels).bad.height == 0
    assert nothing.schema == table.polars_schema


def test_the_recipe_of_a_strategy() -> None:
    (text,) = re.findall(r"```yaml\n# params.yaml\n(.*?)```", TEXT, flags=re.DOTALL)
    sections = yaml.safe_load(text)
    models = PredictionsParams.model_validate(sections["predictions"]).models
    strategies = SetupsParams.model_validate(sections["setups"]).strategies
    assert models.keys() == strategies.keys() == {"us_daily_patient"}
