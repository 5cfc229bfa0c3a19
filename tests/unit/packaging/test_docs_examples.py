"""The examples in docs/ run as they stand there, page by page, from the root of the repository."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml

from tsis.bars.sessions import calendar_sessions
from tsis.core.table import spec
from tsis.labeling.events import event_filters
from tsis.models.estimator import estimators, fit
from tsis.models.estimators.xgboost import XgboostParams
from tsis.models.frozen_orders import FrozenOrder, FrozenOrders
from tsis.models.sample import Sample
from tsis.runtime.dag import stages
from tsis.tables.processed_features.fair_value_gaps import FairValueGaps
from tsis.tables.processed_features.information_bars import InformationBars
from tsis.tables.processed_features.regimes import Regimes
from tsis.tables.reference.tickers_dim import TickersDim

ROOT = Path(__file__).parents[3]
PAGES = sorted((ROOT / "docs").glob("*.md"))
BLOCK = re.compile(r"^```python\n(.*?)^```", flags=re.DOTALL | re.MULTILINE)


def examples(page: Path) -> list[tuple[int, str]]:
    """Return the blocks marked ``python`` with the line before each."""
    text = page.read_text(encoding="utf-8")
    return [(text.count("\n", 0, found.start(1)), found[1]) for found in BLOCK.finditer(text)]


YAML = re.compile(r"^```yaml\n(.*?)^```", flags=re.DOTALL | re.MULTILINE)
WITH_EXAMPLES = [page for page in PAGES if examples(page)]


@pytest.fixture(scope="module")
def es_bars() -> pl.DataFrame:
    """1,000 real dollar bars as rows of information_bars; what the file does not say is filled in."""
    given = pl.read_parquet(ROOT / "data/sample/es_dollar_bars.parquet")
    known = {"ticker": "ES", "bar_spec": "dollar_70M", "seq": 0, "price_factor": 1.0, "threshold": 70e6}
    columns = {
        "ts_open": pl.col("ts"),
        "ts_close": pl.col("ts"),
        "volume": pl.col("cum_vol"),
        "dollar_volume": pl.col("cum_dollar"),
        "n_ticks": pl.col("cum_ticks"),
        **{name: pl.col(name) for name in ("open", "high", "low", "close")},
        **{name: pl.lit(value) for name, value in known.items()},
    }
    schema = spec(InformationBars).polars_schema
    return given.select(columns.get(name, pl.lit(None)).cast(kind).alias(name) for name, kind in schema.items())


def fitted(x: np.ndarray, label: np.ndarray) -> bytes:
    """Return an artefact with a frozen order of EURUSD."""
    when = datetime(2017, 7, 26, tzinfo=UTC)
    order = FrozenOrder(found="stationary", d=0.3, width=66, n_bars=3_551, first_bar=when, last_bar=when)
    frozen = FrozenOrders(feature="f", price="close", cut_off=1e-3, max_p_value=0.05, orders={"EURUSD": order})
    sample = Sample(x, label, np.ones(label.size), ("a", "b", "f"))
    return fit(sample, XgboostParams(n_rounds=1), attributes=frozen.attributes()).artifact


@pytest.fixture
def taken_for_granted(es_bars: pl.DataFrame) -> dict[str, Any]:
    """What a page may use without making it: trades, bars, their returns, a lake, rows to learn from."""
    rng = np.random.default_rng(5)
    n = 80
    rows = es_bars[10:90].select("ticker", "bar_spec", "seq", t0="ts_close").with_columns(t1=es_bars["ts_close"][13:93])
    x_train = rng.standard_normal((n, 3))
    y_train = (x_train[:, 0] + rng.standard_normal(n) > 0).astype(int)
    key = ["ticker", "bar_spec", "ts_close", "seq"]
    calendar = calendar_sessions("CMES", date(2014, 12, 1), date(2015, 2, 1)).with_columns(exchange=pl.lit("XCME"))
    listed = {"ticker": ["ES"], "exchange": ["XCME"], "valid_from": [date(2000, 1, 1)]}
    refit = {"model": ["fx_hourly"], "split": ["walk_forward"], "artifact": [fitted(x_train, y_train)]}
    tables = {
        "processed_features.information_bars": es_bars,
        "processed_features.features": es_bars.select(*key, rsi_14=50.0),
        "processed_features.fair_value_gaps": spec(FairValueGaps).empty(),
        "processed_features.regimes": spec(Regimes).empty(),
        "reference.sessions": calendar,
        "reference.tickers_dim": pl.concat([spec(TickersDim).empty(), pl.DataFrame(listed)], how="diagonal"),
        "ml_dataset.dataset": rows,
        "governance.models": pl.DataFrame(refit),
    }
    trades = pl.read_parquet(ROOT / "data/sample/es_trades.parquet").head(5_000)
    return {
        "ts_us": trades["ts"].to_physical().to_numpy(),
        "seq": np.arange(trades.height),
        "price": trades["price"].to_numpy(),
        "size": trades["size"].cast(pl.Float64).to_numpy(),
        "side": np.zeros(trades.height, dtype=np.int8),
        "bars": es_bars,
        "returns": np.diff(np.log(es_bars["close"].to_numpy()), prepend=np.nan),
        "lake": SimpleNamespace(scan=lambda table: tables[table].lazy()),
        "series": (pl.col("ticker") == "ES") & (pl.col("bar_spec") == "dollar_70M"),
        "x_train": x_train,
        "y_train": y_train,
        "w_train": np.ones(n),
        "start_train": 4 * np.arange(n),
        "end_train": 4 * np.arange(n) + 5,
    }


def test_there_are_examples():
    assert {"bars", "filters", "labels", "features", "fair-value-gaps", "regimes"} <= {
        page.stem for page in WITH_EXAMPLES
    }


@pytest.mark.parametrize("page", WITH_EXAMPLES, ids=lambda page: page.stem)
def test_the_examples_of_a_page_run(page, taken_for_granted, monkeypatch):
    monkeypatch.chdir(ROOT)
    namespace = {"__name__": f"docs_{page.stem}", **taken_for_granted}
    for line, code in examples(page):
        # blank lines in front, so that a traceback names the line of the page
        exec(compile("\n" * line + code, str(page), "exec"), namespace)


def test_params_of_a_page_are_what_the_stages_take():
    """Sections that a stage has; a page may also show a part of one."""
    known, checked = stages(), set()
    for page in PAGES:
        for text in YAML.findall(page.read_text(encoding="utf-8")):
            for name, section in yaml.safe_load(text).items():
                if name in known:
                    known[name].params.model_validate(section)
                    checked.add((page.stem, name))
    assert {
        ("features", "features"),
        ("features", "panel_features"),
        ("fair-value-gaps", "fair_value_gaps"),
        ("regimes", "setups"),
    } <= checked


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_of_a_page_lead_to_files(page):
    targets = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
    assert not [target for target in targets if "://" not in target and not (page.parent / target).exists()]


def test_the_index_lists_every_page():
    listed = re.findall(r"\]\(([a-z-]+\.md|adr/README\.md)\)", (ROOT / "docs/README.md").read_text(encoding="utf-8"))
    assert sorted(listed) == sorted({page.name for page in PAGES if page.name != "README.md"} | {"adr/README.md"})


def test_every_event_filter_has_its_section():
    sections = re.findall(r"^### `([a-z_]+)`$", (ROOT / "docs/filters.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(sections) == sorted(event_filters())


def test_every_estimator_has_its_section():
    sections = re.findall(r"^### `([a-z_]+)`$", (ROOT / "docs/estimators.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(sections) == sorted(estimators())
