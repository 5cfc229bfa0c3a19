"""The whole way of a model's research on 200,000 bars, stage by stage: features, labels, dataset, 15 fits, statistics.

Minute bars lie in a lake. The chain's own stages run as `tsis run` runs them: each reads, validates and publishes, with
the parameters of the chain. Then 15 models are fitted and judged, one on each split of combinatorial purged
cross-validation with 6 groups; their 5 paths are backtested bar by bar, and held against one another as trials.
`python -m benchmarks.research_chain FOLDER` does it once in this process and prints one line of JSON.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.features_growth import add_sessions, bars_of, facts_of
from benchmarks.memory import peak_bytes
from benchmarks.minute_bars import minute_bars
from tsis.analytics.curve_stats import curve_stats
from tsis.analytics.moments import moments
from tsis.analytics.trial_family import trial_family
from tsis.analytics.verdict import verdict
from tsis.backtest.account import AccountParams
from tsis.backtest.backtest import Backtest
from tsis.backtest.costs import MarketParams
from tsis.backtest.grid import on_paths
from tsis.backtest.tape import Instrument, tape
from tsis.core.params import Params
from tsis.core.table import spec
from tsis.dataset.dataset import dataset
from tsis.features.features import features
from tsis.labeling.events import events
from tsis.labeling.meta_labels import meta_labels
from tsis.labeling.sample_weights import sample_weights
from tsis.labeling.triple_barrier import triple_barrier
from tsis.lake import Lake
from tsis.models.combinatorial_purged_cv import CombinatorialPurgedCV
from tsis.models.embargo import Embargo
from tsis.models.estimator import FittedModel, fit
from tsis.models.estimators.xgboost import XgboostParams
from tsis.models.fold_weights import FoldWeightsParams, fold_weights
from tsis.models.sample import Sample
from tsis.models.scores import scores
from tsis.runtime.results import Outcome
from tsis.runtime.run import run
from tsis.runtime.tables import tables
from tsis.runtime.workspace import open_workspace
from tsis.tables.ml_dataset.dataset import Dataset

Floats = NDArray[np.float64]

DAYS = 513
"""Of 390 minutes: 200,070 bars."""
THREADS, LIMIT_S = 2, 60.0
_FITS, _STATISTICS = "15 fits of CPCV(6, 2)", "backtests of 5 paths, statistics"
_MINUTES_A_YEAR = 252 * 390
_CHAIN = (features, events, triple_barrier, meta_labels, sample_weights, dataset)
_CHANGED: dict[str, dict[str, Any]] = {
    "features": {"bar_specs": None},
    "events": {"series": {"equity": {"time_1m": {"span": 100, "filters": [{"kind": "cusum", "multiple": 4.0}]}}}},
    "triple_barrier": {"series": {"equity": {"time_1m": {"pt": 5.0, "sl": 5.0, "max_bars": 50, "max_seconds": None}}}},
}
"""What the chain's parameters do not say of minute bars."""


@dataclass(frozen=True)
class Researched:
    """What it took, by stage, by the clock and of the processors; `compile_s` of the kernels is no part of it."""

    bars: int
    events: int
    rows: dict[str, int]
    seconds: dict[str, float]
    processor_s: dict[str, float]
    compile_s: float
    peak_bytes: int
    auc: float
    sharpes: list[float]

    @property
    def total_s(self) -> float:
        return sum(self.seconds.values())


class _Processor:
    """Is told of stages, and keeps what each took of the processors, all threads together."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._before = 0.0

    def started(self, stage: str, position: int, total: int) -> None:  # noqa: ARG002
        self._before = time.process_time()

    def ended(self, outcome: Outcome) -> None:
        self.seconds[outcome.stage] = time.process_time() - self._before


def fill(root: Path, n_days: int = DAYS) -> None:
    """Make the lake at `root`: minute bars of one ticker, its facts and sessions."""
    lake = Lake(root, tables())
    made = minute_bars(1, n_days).with_columns(ticker=pl.lit("S0"))
    add_sessions(lake, n_days)
    lake.append("reference.tickers_dim", facts_of(pl.Series(["S0"])))
    lake.append("processed_features.information_bars", bars_of(made))


def params() -> dict[str, Params]:
    """Return the chain's parameters, with those of minute bars."""
    given = open_workspace().params
    return given | {
        name: type(given[name]).model_validate(given[name].model_dump() | changed) for name, changed in _CHANGED.items()
    }


def fits(rows: pl.DataFrame, names: list[str]) -> tuple[list[dict[str, Any]], Floats]:
    """Return the scores of 15 fits, and the (5, n) probabilities of the paths that they make."""
    x = rows.select(pl.col(names).cast(pl.Float64)).to_numpy()
    label = rows["label"].cast(pl.Float64).to_numpy()
    weight, unique = (rows[name].to_numpy() for name in ("sample_weight", "average_uniqueness"))
    t0, t1 = (rows[name].to_physical().to_numpy() for name in ("t0", "t1"))
    splitter = CombinatorialPurgedCV(6, 2, t0, t1, embargo=Embargo(frac=0.01))

    def one(rows_of: tuple[NDArray[np.int64], NDArray[np.int64]]) -> Floats:
        train, test = rows_of
        weighed = fold_weights(weight[train], unique[train], label[train], FoldWeightsParams())
        sample = Sample(x[train], label[train], weighed, tuple(names), t0[train], t1[train])
        fitted: FittedModel = fit(sample, XgboostParams())
        return fitted.probability(x[test])

    splits = list(splitter.split(x))
    with ThreadPoolExecutor(THREADS) as pool:
        found = list(pool.map(one, splits))
    judged = [scores(label[test], probability) for (_, test), probability in zip(splits, found, strict=True)]
    return judged, splitter.paths(found)


def statistics(bars: pl.DataFrame, rows: pl.DataFrame, paths: Floats) -> list[float]:
    """Return the Sharpe ratio of each path, backtested, once all of them have been judged as a family of trials."""
    market = MarketParams(slippage_bps=0.5, fee_bps=0.1, max_leverage=1.0)
    account = AccountParams(start_equity=100_000.0, daily_loss_frac=1.0)
    day = bars["ts_close"].dt.date()
    last_of_day = np.flatnonzero((day != day.shift(-1)).fill_null(value=True).to_numpy())

    def signals_of(probability: Floats) -> pl.DataFrame:
        chosen = rows.with_columns(pl.Series("probability", probability)).filter(pl.col("probability") > 0.5)
        return chosen.select("ticker", "side", ts="t0", size=pl.lit(0.5), max_bars=pl.lit(50))

    def measure(done: Backtest) -> dict[str, Any]:
        daily = done.equity[last_of_day]
        returns = np.diff(np.log(np.concatenate(([account.start_equity], daily))))
        return {**curve_stats(done.equity, account.start_equity, _MINUTES_A_YEAR), "daily": returns.tolist()}

    results = on_paths(tape(bars, {"S0": Instrument(market)}), account, paths, signals_of, measure, THREADS)
    daily = np.array(results["daily"].to_list())
    found = [moments(returns) for returns in daily.tolist()]
    sharpes = [one.sharpe if one.sharpe is not None else math.nan for one in found]
    best = int(np.argmax(sharpes))
    stats = {"n_days": daily.shape[1], "n_trades": rows.height, "periods_a_year": 252.0}
    stats |= {"sharpe_daily": sharpes[best], "skew": found[best].skew, "kurtosis": found[best].kurtosis}
    verdict(stats, trial_family(sharpes, daily.T))
    return sharpes


def research(root: Path) -> Researched:
    """Do all of it on the lake at `root`."""
    given = params()
    lake = Lake(root, tables(given))
    processor = _Processor()
    report = run(lake, _CHAIN, given, threads=THREADS, progress=processor, is_forced=True)
    if report.failed:
        raise SystemExit(f"{report.failed[0].stage}: {report.failed[0].error}")
    seconds = {outcome.stage: outcome.seconds for outcome in report.outcomes}
    compile_s = sum(outcome.compile_s for outcome in report.outcomes)
    started, spent = time.perf_counter(), time.process_time()
    rows = lake.scan("dataset").sort("t0", "ticker", "seq").collect()
    bars = lake.scan("information_bars").sort("ticker", "ts_close", "seq").collect()
    judged, paths = fits(rows, [name for name in rows.columns if name not in spec(Dataset).columns])
    fitted, fits_spent = time.perf_counter(), time.process_time()
    sharpes = statistics(bars, rows, paths)
    seconds |= {_FITS: fitted - started, _STATISTICS: time.perf_counter() - fitted}
    processor.seconds |= {_FITS: fits_spent - spent, _STATISTICS: time.process_time() - fits_spent}
    counts = {outcome.stage: outcome.rows_out for outcome in report.outcomes}
    counts |= {_FITS: 15 * rows.height // 3, _STATISTICS: 5 * bars.height}
    auc = float(np.mean([one["auc"] for one in judged]))
    return Researched(
        bars.height, rows.height, counts, seconds, processor.seconds, compile_s, peak_bytes(), auc, sharpes
    )


def measure(folder: Path, rounds: int) -> list[Researched]:
    """Do it `rounds` times, each in a new process, on one lake."""
    root = folder / "research"
    fill(root)
    found = []
    for number in range(rounds):
        print(f"research on 200,000 bars, {number + 1} of {rounds} ...", file=sys.stderr, flush=True)
        command = [sys.executable, "-m", "benchmarks.research_chain", str(root)]
        home = Path(__file__).resolve().parent.parent
        environment = os.environ | {"POLARS_MAX_THREADS": str(THREADS)}
        answer = subprocess.run(command, check=True, capture_output=True, text=True, cwd=home, env=environment)
        found.append(Researched(**json.loads(answer.stdout)))
    return sorted(found, key=lambda one: one.total_s)


def table(found: Researched, n_rounds: int) -> str:
    """Return the stages of one run as a Markdown table."""
    rounds = "One run" if n_rounds == 1 else f"The median of {n_rounds} runs"
    lines = [
        f"{rounds}: {found.bars:,} bars, {found.events:,} labelled events, peak memory "
        f"{found.peak_bytes / 1e6:,.0f} MB; mean AUC of the fits {found.auc:.3f}, where nothing can be known.\n",
        "| stage | rows | by the clock | of the processors |",
        "|---|---|---|---|",
        *(
            f"| {stage} | {found.rows[stage]:,} | {seconds:.2f} s | {found.processor_s[stage]:.2f} s |"
            for stage, seconds in found.seconds.items()
        ),
        f"| all of it; target: at most {LIMIT_S:.0f} s | | {found.total_s:.1f} s | "
        f"{sum(found.processor_s.values()):.1f} s |",
    ]
    return "\n".join(lines) + "\n"


def problems(found: Researched) -> list[str]:
    """Return what is not as it should be."""
    slow = found.total_s > LIMIT_S
    return [f"the research chain takes {found.total_s:.1f} s, more than {LIMIT_S:.0f} s"] if slow else []


if __name__ == "__main__":
    print(json.dumps(research(Path(sys.argv[1])).__dict__))
