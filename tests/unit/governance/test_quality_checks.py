"""Each check finds the fault that it is there for, and is silent without it."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import polars as pl
import pytest
from lakes import declared, rows

from tsis.core.errors import UsageError
from tsis.governance.quality.check import MEASURED, Candidate, Check, Limits, checks, measured

CHECKS = {check.name: check for check in checks()}
N_DAYS = 60
DAYS = [day for i in range(100) if (day := date(2020, 1, 6) + timedelta(days=i)).weekday() < 5][:N_DAYS]


def at(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime.combine(day, time(hour, minute), UTC)


def walk(n: int, seed: int = 1) -> np.ndarray:
    """Return prices with a daily volatility of 1 %."""
    return 100 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 0.01, n)))


SESSIONS = rows(
    "reference.sessions",
    N_DAYS,
    exchange="XNYS",
    session=DAYS,
    open=[at(day, 14, 30) for day in DAYS],
    close=[at(day, 21) for day in DAYS],
)
TICKERS = rows("reference.tickers_dim", 1, ticker="IBM", exchange="XNYS", valid_from=date(2000, 1, 1))
NOTHING = {name: declared()[name].empty() for name in ("reference.corporate_actions", "reference.contracts_dim")}
BESIDE = {"reference.sessions": SESSIONS, "reference.tickers_dim": TICKERS, **NOTHING}


def daily(price: np.ndarray | None = None, volume: object = 1e6) -> pl.DataFrame:
    """Return a daily bar on each of 60 sessions; a bar opens at its close."""
    price = walk(N_DAYS) if price is None else price
    prices = {"open": price, "high": price * 1.01, "low": price * 0.99, "close": price}
    return rows(
        "raw.ohlcv_daily",
        N_DAYS,
        ticker="IBM",
        ts=[at(day, 14, 30) for day in DAYS],
        ts_close=[at(day, 21) for day in DAYS],
        volume=volume,
        **{name: values.tolist() for name, values in prices.items()},
    )


def minutes(n_days: int = 8, missing: range = range(0)) -> pl.DataFrame:
    """Return the 390 minute bars of each session, of the last but one session without the minutes in `missing`."""
    moments = [
        at(day, 14, 30) + timedelta(minutes=i)
        for day in DAYS[:n_days]
        for i in range(390)
        if day != DAYS[n_days - 2] or i not in missing
    ]
    price = walk(len(moments)).tolist()
    return rows(
        "raw.ohlcv_1m",
        len(moments),
        ticker="IBM",
        ts=moments,
        ts_close=[moment + timedelta(minutes=1) for moment in moments],
        **dict.fromkeys(("open", "high", "low", "close"), price),
    )


def values(name: str, table: str, frame: pl.DataFrame, before: pl.DataFrame | None = None, **beside: pl.DataFrame):
    check = CHECKS[name]
    assert check.judges(declared()[table])
    given = {key: beside.get(key.partition(".")[2], BESIDE[key]) for key in check.reads}
    candidate = Candidate(declared()[table], frame.lazy(), before.lazy() if before is not None else None, given)
    found = measured(check, candidate).collect()
    assert found.schema == MEASURED
    assert found["value"].null_count() == 0
    return found


def broken(check: Check, found: pl.DataFrame) -> set[str]:
    """Return the severities of the limits that a value is beyond."""
    low, high = -float("inf"), float("inf")
    return {
        severity
        for severity, limits in check.limits.items()
        if not found["value"]
        .is_between(
            low if limits.at_least is None else limits.at_least, high if limits.at_most is None else limits.at_most
        )
        .all()
    }


def verdict(name: str, table: str, frame: pl.DataFrame, before: pl.DataFrame | None = None, **beside: pl.DataFrame):
    found = values(name, table, frame, before, **beside)
    assert found.height, "nothing was measured"
    return broken(CHECKS[name], found)


ALL, WARNED, SILENT = {"error", "warning"}, {"warning"}, set()


def test_every_check_is_named_after_its_file_and_says_why() -> None:
    assert len(CHECKS) == 12
    for name, check in CHECKS.items():
        assert check.measure.__module__.rpartition(".")[2] == name
        assert check.description.endswith(".")
        assert any(check.judges(table) for table in declared().values()), f"{name} judges no table"
        assert set(check.reads) <= set(declared())
        for limits in check.limits.values():
            assert len(limits.reason) > 20


def test_no_rows_measure_nothing() -> None:
    for check in CHECKS.values():
        for table in declared().values():
            if check.judges(table):
                given = {name: declared()[name].empty() for name in check.reads}
                found = measured(check, Candidate(table, table.empty().lazy(), None, given)).collect()
                assert broken(check, found) == SILENT, f"{check.name} of an empty {table.name}"


def test_limits_are_limits() -> None:
    with pytest.raises(UsageError, match="neither at_least nor at_most"):
        Limits("none")
    with pytest.raises(UsageError, match="limits for neither errors nor warnings"):
        Check("idle", "Nothing.", "rows", lambda _: True, lambda candidate: candidate.rows)


def test_missing_sessions() -> None:
    assert verdict("missing_sessions", "raw.ohlcv_daily", daily()) == SILENT
    without = daily().filter(~pl.col("ts").dt.date().is_in(DAYS[10:13]))
    found = values("missing_sessions", "raw.ohlcv_daily", without)
    assert found.rows() == [("raw.ohlcv_daily", "IBM", None, str(DAYS[12]), 3.0)]
    assert verdict("missing_sessions", "raw.ohlcv_daily", without) == WARNED
    hole = daily().filter(~pl.col("ts").dt.date().is_in(DAYS[10:40]))
    assert verdict("missing_sessions", "raw.ohlcv_daily", hole) == ALL


def test_missing_sessions_of_cached_days_and_of_each_kind_of_bar() -> None:
    cached = rows("processed_features.daily_cache", N_DAYS - 1, ticker="IBM", date=[*DAYS[:5], *DAYS[6:]])
    found = values("missing_sessions", "processed_features.daily_cache", cached)
    assert found.select("at", "value").rows() == [(str(DAYS[5]), 1.0)]
    bars = pl.concat(
        [bars_of("time_1d", DAYS), bars_of("time_1h", [*DAYS[:5], *DAYS[6:]]), bars_of("tick_9", DAYS[::9])]
    )
    found = values("missing_sessions", "processed_features.information_bars", bars).sort("bar_spec")
    assert found.select("bar_spec", "value").rows() == [("time_1d", 0.0), ("time_1h", 1.0)]


def test_sessions_follow_a_change_of_exchange() -> None:
    """Half of the days the ticker is listed where every second day is no session."""
    moved = pl.concat([TICKERS, TICKERS.with_columns(exchange=pl.lit("XNAS"), valid_from=pl.lit(DAYS[30]))])
    both = pl.concat([SESSIONS, SESSIONS.with_columns(exchange=pl.lit("XNAS")).gather_every(2)])
    kept = [*DAYS[:30], *DAYS[30::2]]
    listed = daily().filter(pl.col("ts").dt.date().is_in(kept))
    assert verdict("missing_sessions", "raw.ohlcv_daily", listed, tickers_dim=moved, sessions=both) == SILENT
    assert verdict("missing_sessions", "raw.ohlcv_daily", listed) == WARNED


def bars_of(bar_spec: str, days: list[date], price: np.ndarray | None = None) -> pl.DataFrame:
    price = (walk(len(days)) if price is None else price).tolist()
    return rows(
        "processed_features.information_bars",
        len(days),
        ticker="IBM",
        bar_spec=bar_spec,
        ts_open=[at(day, 20) for day in days],
        ts_close=[at(day, 21) for day in days],
        **dict.fromkeys(("open", "high", "low", "close", "dollar_volume"), price),
    )


def test_missing_minutes() -> None:
    assert verdict("missing_minutes", "raw.ohlcv_1m", minutes()) == SILENT
    found = values("missing_minutes", "raw.ohlcv_1m", minutes(missing=range(100, 139)))
    assert found.sort("value").row(-1)[3:] == (str(DAYS[6]), pytest.approx(0.1))
    assert broken(CHECKS["missing_minutes"], found) == WARNED


def test_a_quiet_ticker_has_few_minutes_on_all_days() -> None:
    quiet = minutes().filter(pl.col("ts").dt.minute() % 3 == 0)
    assert verdict("missing_minutes", "raw.ohlcv_1m", quiet) == SILENT


def test_stale_prices() -> None:
    assert verdict("stale_prices", "raw.ohlcv_daily", daily()) == SILENT
    for n_days, expected in ((2, SILENT), (3, WARNED), (11, ALL)):
        price = walk(N_DAYS)
        price[20 : 20 + n_days] = price[20]
        assert verdict("stale_prices", "raw.ohlcv_daily", daily(price)) == expected, n_days


def test_outlier_returns() -> None:
    bars = bars_of("time_1d", DAYS)
    assert verdict("outlier_returns", "processed_features.information_bars", bars) == SILENT
    for factor, expected in ((1.25, WARNED), (10.0, ALL)):
        price = walk(N_DAYS)
        price[30] *= factor
        found = values("outlier_returns", "processed_features.information_bars", bars_of("time_1d", DAYS, price))
        assert found["at"].to_list()[0] in (str(DAYS[30]), str(DAYS[31]))
        assert broken(CHECKS["outlier_returns"], found) == expected, factor


def test_raw_prices_are_held_against_those_of_their_day() -> None:
    """Between two days a split may lie, within one a misprint."""
    halved = pl.when(pl.col("ts").dt.date() >= DAYS[4]).then(pl.col("close") / 2).otherwise(pl.col("close"))
    assert verdict("outlier_returns", "raw.ohlcv_1m", minutes().with_columns(close=halved)) == SILENT
    misprint = minutes().with_columns(close=pl.when(pl.int_range(pl.len()) == 700).then(1000.0).otherwise("close"))
    assert verdict("outlier_returns", "raw.ohlcv_1m", misprint) == ALL


def test_crossed_quotes() -> None:
    n = 500
    moments = [at(DAYS[0], 15) + timedelta(seconds=i) for i in range(n)]
    two_sided = {"ticker": "IBM", "ts": moments, "bid": 99.0, "ask": 99.5}
    assert verdict("crossed_quotes", "raw.quotes", rows("raw.quotes", n, **two_sided)) == SILENT
    # messages of one side are each in order, and cross with what stands on the other
    bids = [99.0 if i % 2 == 0 else None for i in range(n)]
    asks = [None if i % 2 == 0 else (98.0 if i < 20 else 99.5) for i in range(n)]
    one_sided = rows("raw.quotes", n, **two_sided | {"bid": bids, "ask": asks})
    assert verdict("crossed_quotes", "raw.quotes", one_sided) == WARNED
    locked = rows("raw.quotes", n, **two_sided | {"ask": 99.0})
    assert verdict("crossed_quotes", "raw.quotes", locked) == ALL


def test_volume_spikes() -> None:
    assert verdict("volume_spikes", "raw.ohlcv_daily", daily()) == SILENT
    for factor, expected in ((30, WARNED), (1000, ALL)):
        volume = [1e6 * (factor if i == 40 else 1) for i in range(N_DAYS)]
        found = values("volume_spikes", "raw.ohlcv_daily", daily(volume=volume))
        assert found["at"].to_list() == [str(DAYS[40])]
        assert broken(CHECKS["volume_spikes"], found) == expected


def test_splits_that_prices_and_actions_do_not_agree_on() -> None:
    split = rows("reference.corporate_actions", 1, ticker="IBM", ex_date=DAYS[30], kind="split", ratio=2.0)
    price = walk(N_DAYS)
    price[30] = price[29]
    fallen = np.where(np.arange(N_DAYS) >= 30, price / 2, price)
    name, raw = "split_not_adjusted", "raw.ohlcv_daily"
    assert verdict(name, raw, daily(price)) == SILENT
    assert verdict(name, raw, daily(fallen), corporate_actions=split) == SILENT
    assert verdict(name, raw, daily(fallen)) == {"error"}, "a split that nobody recorded"
    assert verdict(name, raw, daily(price), corporate_actions=split) == {"error"}, "prices that are adjusted already"
    withdrawn = split.with_columns(is_deleted=True)
    assert verdict(name, raw, daily(fallen), corporate_actions=withdrawn) == {"error"}


@pytest.mark.parametrize(("factor", "expected"), [(2.0, SILENT), (1.0, {"error"})])
def test_a_recorded_split_is_taken_out_of_the_cached_days(factor: float, expected: set[str]) -> None:
    split = rows("reference.corporate_actions", 1, ticker="IBM", ex_date=DAYS[30], kind="split", ratio=2.0)
    price = np.where(np.arange(N_DAYS) >= 30, walk(N_DAYS) / 2, walk(N_DAYS)).tolist()
    factors = [factor if i >= 30 else 1.0 for i in range(N_DAYS)]
    cached = {"ticker": "IBM", "date": DAYS, "open_d": price, "close_d": price, "split_factor": factors}
    frame = rows("processed_features.daily_cache", N_DAYS, **cached)
    assert verdict("split_not_adjusted", "processed_features.daily_cache", frame, corporate_actions=split) == expected


def test_drift() -> None:
    bars = bars_of("time_1d", DAYS * 1)
    hours = pl.concat([bars.with_columns(pl.col("ts_close") - pl.duration(hours=i)) for i in range(4)])
    noise = np.random.default_rng(3).lognormal(0, 1, hours.height)
    steady = hours.with_columns(dollar_volume=pl.Series(noise))
    assert verdict("drift", "processed_features.information_bars", steady) == SILENT
    other_unit = pl.when(pl.col("ts_close").dt.date() > DAYS[-21]).then(100 * pl.col("dollar_volume"))
    found = values(
        "drift",
        "processed_features.information_bars",
        steady.with_columns(dollar_volume=other_unit.otherwise("dollar_volume")),
    )
    assert broken(CHECKS["drift"], found) == WARNED
    assert found.sort("value")["at"].to_list()[-1] == "dollar_volume"


def test_the_distance_is_that_of_kolmogorov_and_smirnov() -> None:
    from scipy.stats import ks_2samp

    bars = bars_of("time_1d", DAYS)
    volume = np.random.default_rng(4).lognormal(0, 1, N_DAYS) * np.where(np.arange(N_DAYS) >= 40, 5, 1)
    found = values("drift", "processed_features.information_bars", bars.with_columns(dollar_volume=pl.Series(volume)))
    distance = ks_2samp(volume[40:], volume[:40]).statistic
    expected = distance - 1.63 * np.sqrt(1 / 20 + 1 / 40)
    assert found.filter(pl.col("at") == "dollar_volume")["value"].to_list() == [pytest.approx(expected)]


def test_row_counts() -> None:
    assert verdict("row_counts", "raw.ohlcv_1m", minutes()) == SILENT
    died = minutes(missing=range(30, 390))
    found = values("row_counts", "raw.ohlcv_1m", died)
    assert found.select("at", "value").rows() == [(str(DAYS[6]), pytest.approx(30 / 390))]
    assert broken(CHECKS["row_counts"], found) == WARNED
    assert verdict("row_counts", "raw.ohlcv_1m", minutes(missing=range(3, 390))) == ALL


def test_the_last_day_may_be_going_on() -> None:
    begun = minutes().filter(pl.col("ts") < at(DAYS[7], 14, 40))
    assert verdict("row_counts", "raw.ohlcv_1m", begun) == SILENT


def test_a_table_that_shrank() -> None:
    whole = daily()
    for n_left, expected in ((60, SILENT), (30, WARNED), (3, ALL)):
        assert verdict("table_shrank", "raw.ohlcv_daily", whole.head(n_left), whole) == expected, n_left
    assert values("table_shrank", "raw.ohlcv_daily", whole).is_empty()


def test_keys_are_unique() -> None:
    assert verdict("key_uniqueness", "raw.ohlcv_daily", daily()) == SILENT
    doubled = pl.concat([daily(), daily().head(2).with_columns(close=1.0)])
    assert verdict("key_uniqueness", "raw.ohlcv_daily", doubled) == {"error"}
    assert values("key_uniqueness", "raw.ohlcv_daily", doubled)["value"].to_list() == [2.0]
    assert verdict("key_uniqueness", "governance.trials", rows("governance.trials", 3, position=[0, 1, 1])) == {"error"}


def test_unknown_tickers() -> None:
    assert verdict("unknown_tickers", "raw.ohlcv_daily", daily()) == SILENT
    strange = pl.concat([daily(), daily().head(7).with_columns(ticker=pl.lit("IBN"))])
    found = values("unknown_tickers", "raw.ohlcv_daily", strange).sort("ticker")
    assert found.select("ticker", "value").rows() == [("IBM", 0.0), ("IBN", 7.0)]
    assert broken(CHECKS["unknown_tickers"], found) == {"error"}
    contract = rows("reference.contracts_dim", 1, ticker="IBN", product="IB")
    assert verdict("unknown_tickers", "raw.ohlcv_daily", strange, contracts_dim=contract) == SILENT
