"""Law 4: however data arrive and change, the next run leaves the very files that a build from nothing leaves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from lakes import flip_byte, rows

from tsis.bars.information_bars import InformationBarsParams
from tsis.core.state import State
from tsis.features.bar_microstructure import BarMicrostructureParams
from tsis.lake import Lake
from tsis.lake.transaction import Transaction
from tsis.runtime import resume
from tsis.runtime.dag import stages
from tsis.runtime.params import read_params
from tsis.runtime.run import run
from tsis.runtime.settings import REPOSITORY
from tsis.runtime.tables import tables

STAGES = stages()
CHAIN = ["daily_cache", "information_bars", "bar_microstructure", "features"]
BARS = ("time_1m", "time_1d", "volume_300")
PARAMS = {**read_params(REPOSITORY / "params.yaml", STAGES)}
PARAMS["information_bars"] = InformationBarsParams(bars={"equity": BARS})
PARAMS["bar_microstructure"] = BarMicrostructureParams(bar_specs=BARS)
OTHER = {**PARAMS, "information_bars": InformationBarsParams(bars={"equity": ("time_1m", "tick_7")})}
FIRST = datetime(2020, 1, 6, tzinfo=UTC)
TABLES = [f"processed_features.{name}" for name in ("information_bars", "bar_microstructure", "features")]

Change = Callable[[Lake], None]


@pytest.fixture(autouse=True)
def _short_segments(monkeypatch):
    monkeypatch.setattr(resume, "SEGMENT_ROWS", 40)


def fresh(root) -> Lake:
    lake = Lake(root, tables())
    for ticker in ("BAC", "IBM"):
        facts = {"ticker": ticker, "asset_class": "equity", "valid_from": FIRST.date(), "multiplier": 1.0}
        lake.append("reference.tickers_dim", rows("reference.tickers_dim", 1, **facts, known_at=FIRST))
    return lake


def day(i: int, ticker: str = "IBM", n: int = 60) -> Change:
    """Return a delivery: trades, minute bars and the daily bar of the i-th day."""
    midnight = FIRST + timedelta(days=i)

    def deliver(lake: Lake) -> None:
        random = np.random.default_rng([i, *ticker.encode()])
        seconds = np.sort(random.integers(0, 86_400, n)).tolist()
        moments = [midnight + timedelta(seconds=second) for second in [*seconds[:-1], 86_400]]
        prices = (100.0 + np.cumsum(random.integers(-1, 2, n)) / 4).tolist()
        sizes = random.integers(1, 90, n).astype(float).tolist()
        given = {"ticker": ticker, "ts": moments, "seq": list(range(n)), "price": prices, "size": sizes}
        lake.append("raw.trades", rows("raw.trades", n, **given, side="unknown", known_at=moments, is_suspicious=False))
        seen = [midnight + timedelta(seconds=float(second)) for second in np.sort(random.uniform(0, 86_400, 30))]
        bids = (100.0 + np.cumsum(random.integers(-1, 2, 30)) / 4).tolist()
        book = {"ticker": ticker, "ts": seen, "bid": bids, "ask": [bid + 0.5 for bid in bids], "known_at": seen}
        book |= {f"{side}_size": random.integers(1, 40, 30).astype(float).tolist() for side in ("bid", "ask")}
        lake.append("raw.quotes", rows("raw.quotes", 30, **book, seq=list(range(30))))
        starts = [midnight + timedelta(minutes=int(m)) for m in np.sort(random.choice(1_440, 50, replace=False))]
        ends = [start + timedelta(minutes=1) for start in starts]
        ohlcv = {"open": 100.0, "high": 101.0, "low": 99.0, "close": 100.5, "volume": 10.0, "ticker": ticker}
        lake.append("raw.ohlcv_1m", rows("raw.ohlcv_1m", 50, ts=starts, ts_close=ends, known_at=ends, **ohlcv))
        opened, closed = midnight + timedelta(hours=14), midnight + timedelta(hours=21)
        once = {"ts": opened, "ts_close": closed, "known_at": closed, **ohlcv}
        lake.append("raw.ohlcv_daily", rows("raw.ohlcv_daily", 1, **once))

    return deliver


def revision(i: int, **changes: object) -> Change:
    """Return a correction of the 21st trade of the i-th day."""

    def correct(lake: Lake) -> None:
        midnight = FIRST + timedelta(days=i)
        found = lake.scan("raw.trades", tickers=["IBM"], start=midnight, end=midnight + timedelta(days=1)).collect()
        row = found.sort("ts", "seq").slice(20, 1)
        later = pl.lit(FIRST + timedelta(days=60), dtype=pl.Datetime("us", "UTC"))
        lake.append("raw.trades", row.with_columns(**changes, known_at=later))

    return correct


def last_day_withdrawn(lake: Lake) -> None:
    """Delete every raw row of the last day."""
    later = pl.lit(FIRST + timedelta(days=61), dtype=pl.Datetime("us", "UTC"))
    for table in ("raw.trades", "raw.quotes", "raw.ohlcv_1m", "raw.ohlcv_daily"):
        found = lake.scan(table, tickers=["IBM"], start=FIRST + timedelta(days=5)).collect()
        lake.append(table, found.with_columns(is_deleted=True, known_at=later))


def late_trade(lake: Lake) -> None:
    moment = FIRST + timedelta(days=1, hours=3, minutes=17, seconds=1, microseconds=5)
    given = {"ticker": "IBM", "ts": moment, "seq": 0, "price": 99.0, "size": 5.0, "side": "buy"}
    lake.append("raw.trades", rows("raw.trades", 1, **given, known_at=moment, is_suspicious=False))


def split_announced_late(lake: Lake) -> None:
    given = {"ticker": "IBM", "ex_date": (FIRST + timedelta(days=2)).date(), "kind": "split", "ratio": 2.0}
    actions = rows("reference.corporate_actions", 1, **given, known_at=FIRST + timedelta(days=62))
    lake.append("reference.corporate_actions", actions)


def facts_corrected(lake: Lake) -> None:
    row = lake.scan("reference.tickers_dim", tickers=["IBM"]).collect()
    later = pl.lit(FIRST + timedelta(days=63), dtype=pl.Datetime("us", "UTC"))
    lake.append("reference.tickers_dim", row.with_columns(multiplier=2.0, known_at=later))


def build(lake: Lake, params=PARAMS, threads: int = 2):
    report = run(lake, [STAGES[name] for name in CHAIN], params, threads=threads)
    assert not report.failed, [outcome.error for outcome in report.failed]


def versions(lake: Lake) -> dict[str, str]:
    return {name: lake.snapshot().tables[name] for name in TABLES}


SCENARIOS: dict[str, list[Change]] = {
    "the next day": [day(5)],
    "a late trade": [late_trade],
    "a corrected price": [revision(1, price=pl.lit(93.0))],
    "a trade that is suspicious after all": [revision(3, is_suspicious=pl.lit(value=True))],
    "a withdrawn trade": [revision(2, is_deleted=pl.lit(value=True))],
    "the last day, then its withdrawal": [day(5), last_day_withdrawn],
    "a split announced late": [split_announced_late],
    "another ticker on the same days": [day(0, "BAC"), day(1, "BAC"), day(4, "BAC")],
    "corrected facts": [facts_corrected],
    "one after the other": [day(5), late_trade, day(6), revision(4, size=pl.lit(1.0)), split_announced_late, day(7)],
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_an_increment_equals_a_build_from_nothing(name, tmp_path):
    grown, whole = fresh(tmp_path / "grown"), fresh(tmp_path / "whole")
    for i in range(5):
        for lake in (grown, whole):
            day(i)(lake)
    build(grown)
    for change in SCENARIOS[name]:
        for lake in (grown, whole):
            change(lake)
        build(grown)
    build(whole, threads=1)
    assert versions(grown) == versions(whole)


def spied(monkeypatch, name: str) -> list[tuple[str, int, bool]]:
    """Let a stage tell what it is given: (ticker, rows, whether it resumes)."""
    honest, seen = STAGES[name], []

    def told(*, state: State | None, **given: object):
        frames = [frame for frame in given.values() if isinstance(frame, pl.DataFrame) and "ticker" in frame.columns]
        tickers = {ticker for frame in frames for ticker in frame["ticker"].unique()}
        seen.append((*sorted(tickers), sum(frame.height for frame in frames), state is not None))
        return honest.function(state=state, **given)

    planted = replace(honest, function=told)
    monkeypatch.setitem(STAGES, name, planted)
    monkeypatch.setattr(
        type(planted),
        "module",
        property(lambda self: honest.function.__module__ if self is planted else self.function.__module__),
    )
    return seen


def grown_lake(root) -> Lake:
    lake = fresh(root)
    for i in range(5):
        day(i)(lake)
        day(i, "BAC")(lake)
    build(lake)
    return lake


def test_only_what_is_new_is_given_to_a_stage(tmp_path, monkeypatch):
    lake = grown_lake(tmp_path / "lake")
    seen = spied(monkeypatch, "information_bars")
    day(5)(lake)
    build(lake)
    # of IBM the open segment and the new day; of BAC its open segment alone
    assert {(ticker, is_resumed) for ticker, _, is_resumed in seen} == {("IBM", True), ("BAC", True)}
    assert max(n for _, n, _ in seen) < 2 * (60 + 30 + 50 + 2)


def test_a_correction_is_computed_from_its_segment_on(tmp_path, monkeypatch):
    lake = grown_lake(tmp_path / "lake")
    seen = spied(monkeypatch, "information_bars")
    revision(3, price=pl.lit(93.0))(lake)
    build(lake)
    assert [is_resumed for ticker, _, is_resumed in seen if ticker == "IBM"] == [True, True]
    seen.clear()
    revision(0, price=pl.lit(93.0))(lake)
    build(lake)
    assert [is_resumed for ticker, _, is_resumed in seen if ticker == "IBM"] == [False, True, True, True, True]


def test_other_parameters_and_back_are_computed_anew(tmp_path):
    lake = grown_lake(tmp_path / "lake")
    before = versions(lake)
    build(lake, OTHER)
    assert versions(lake) != before
    day(5)(lake)
    build(lake)
    whole = fresh(tmp_path / "whole")
    for i in range(5):
        day(i)(whole)
        day(i, "BAC")(whole)
    day(5)(whole)
    build(whole)
    assert versions(lake) == versions(whole)


@pytest.mark.parametrize("damage", ["a state", "the index", "all states"])
def test_a_damaged_cache_is_not_believed(damage, tmp_path, monkeypatch):
    lake = grown_lake(tmp_path / "lake")
    folder = lake.root / "_states" / "information_bars" / "IBM"
    states = sorted(folder.glob("*.npz"))
    assert len(states) > 2
    if damage == "the index":
        (folder / "segments.json").write_text("{")
    for path in states if damage == "all states" else states[:1]:
        flip_byte(path, 200)
    day(5)(lake)
    build(lake)
    whole = grown_lake(tmp_path / "whole")
    day(5)(whole)
    build(whole)
    assert versions(lake) == versions(whole)


def test_a_run_killed_before_its_commit_does_not_mislead_the_next(tmp_path, monkeypatch):
    """The cache then knows segments whose rows nobody sees."""
    lake = grown_lake(tmp_path / "lake")
    day(5)(lake)
    day(6)(lake)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Transaction, "commit", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run(lake, [STAGES["information_bars"]], PARAMS)
    build(lake)
    whole = grown_lake(tmp_path / "whole")
    day(5)(whole)
    day(6)(whole)
    build(whole)
    assert versions(lake) == versions(whole)


def test_force_computes_everything_from_the_start(tmp_path, monkeypatch):
    lake = grown_lake(tmp_path / "lake")
    seen = spied(monkeypatch, "features")
    run(lake, [STAGES["features"]], PARAMS, is_forced=True)
    assert [is_resumed for _, _, is_resumed in seen].count(False) == 2
