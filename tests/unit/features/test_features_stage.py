"""The stage `features` and what it gives the engine; the laws are in tests/contract/test_feature_laws.py."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from pydantic import ValidationError

from tsis.core.feature import Bank, bank
from tsis.core.params import Params, wrong_fields
from tsis.core.stream import FLOAT_SHARES, IS_HALF_DAY, NAMES, SESSION, SESSION_CLOSE, SESSION_OPEN
from tsis.core.table import spec
from tsis.features import families as families_module
from tsis.features.families import chosen_families, families
from tsis.features.features import FeaturesParams, feature_columns, features
from tsis.features.given_streams import given_streams
from tsis.tables.processed_features.bar_microstructure import BarMicrostructure
from tsis.tables.processed_features.features import Features
from tsis.tables.processed_features.information_bars import InformationBars
from tsis.tables.reference.sessions import Sessions
from tsis.tables.reference.tickers_dim import TickersDim

N = 260


def bars(n=N, seed=11, **columns):
    random = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(random.normal(0, 0.01, n)))
    opened = close * np.exp(random.normal(0, 0.004, n))
    start = datetime(2020, 1, 1, tzinfo=UTC)
    times = [start + timedelta(minutes=37 * i) for i in range(n)]
    volume = random.integers(100, 1_000, n).astype(float)
    buys = np.floor(volume * random.random(n))
    values = {
        "ticker": ["ES"] * n,
        "bar_spec": ["tick_100"] * n,
        "ts_open": [
            time - timedelta(seconds=int(s)) for time, s in zip(times, random.integers(1, 900, n), strict=True)
        ],
        "ts_close": times,
        "seq": [0] * n,
        "open": opened,
        "high": np.maximum(opened, close) * 1.002,
        "low": np.minimum(opened, close) * 0.998,
        "close": close,
        "volume": volume,
        "dollar_volume": volume * close,
        "n_ticks": [100] * n,
        "vwap": (opened + close) / 2,
        "buy_volume": buys,
        "sell_volume": volume - buys,
        "n_buys": [50] * n,
        "n_sells": [50] * n,
        "imbalance": 2 * buys - volume,
        "threshold": [100.0] * n,
        "price_factor": [1.0] * n,
        "raw_table": ["raw.trades"] * n,
        "raw_ts_first": times,
        "raw_seq_first": [0] * n,
        "raw_ts_last": times,
        "raw_seq_last": [0] * n,
    }
    frame = pl.DataFrame(values | columns, schema=spec(InformationBars).polars_schema)
    return spec(InformationBars).schema.validate(frame)


def sessions(*rows):
    return pl.DataFrame(
        [("XCME", day, opened, closed, half) for day, opened, closed, half in rows],
        schema=spec(Sessions).polars_schema,
        orient="row",
    )


def facts(*rows):
    columns = spec(TickersDim).polars_schema
    known = {
        "ticker": "ES", "name": "E-mini", "exchange": "XCME", "asset_class": "future", "currency": "USD",
        "is_delisted": False, "tick_size": 0.25, "lot_size": 1.0, "multiplier": 50.0,
        "known_at": datetime(2000, 1, 1, tzinfo=UTC), "valid_from": date(2000, 1, 1),
    }  # fmt: skip
    return pl.DataFrame([dict.fromkeys(columns) | known | row for row in rows or ({},)], schema=columns)


def folded(rows, state=None, **params):
    given = {"information_bars": rows, "sessions": sessions(), "tickers_dim": facts()}
    given["bar_microstructure"] = spec(BarMicrostructure).empty()
    return features(**given, params=FeaturesParams(**params), state=state)


def test_the_table_is_widened_by_every_output():
    columns = feature_columns(FeaturesParams())
    wide = spec(Features).widened(columns)
    found, _ = folded(bars())
    wide.schema.validate(found)
    assert found.columns[4:] == list(columns)
    for name in columns:
        assert wide.unit(name)
        assert wide.schema.columns[name].description
    wide.schema.validate(folded(bars(0))[0])


def test_parameters_choose_the_columns():
    every = feature_columns(FeaturesParams())
    fewer = FeaturesParams(leave_out=("rsi",))
    left_out = {output.name for output in FeaturesParams().banks()["rsi"].outputs}
    assert list(feature_columns(fewer)) == [name for name in every if name not in left_out]
    found, _ = folded(bars(), leave_out=("rsi",))
    assert found.columns[4:] == list(feature_columns(fewer))
    with pytest.raises(ValidationError, match=r"unknown family of features 'rsy'.*rsi"):
        FeaturesParams(leave_out=("rsy",))
    with pytest.raises(ValidationError, match="unknown family of features 'emas'"):
        FeaturesParams(families={"emas": {}})
    with pytest.raises(ValidationError, match=r"rsi: .*perods"):
        FeaturesParams(families={"rsi": {"perods": [3]}})


def test_series_do_not_mix_and_inputs_are_not_mutated():
    one, two = bars(), bars(seed=12, bar_spec=["tick_200"] * N)
    both = pl.concat([two, one]).sample(fraction=1.0, shuffle=True, seed=3)
    copy = both.clone()
    found, after = folded(both)
    assert sorted(after) == ["ES tick_100", "ES tick_200"]
    assert_frame_equal(found, pl.concat([folded(one)[0], folded(two)[0]]), check_exact=True)
    assert_frame_equal(both, copy, check_exact=True)
    assert_frame_equal(folded(both, bar_specs=("tick_200",))[0], folded(two)[0], check_exact=True)


def test_it_goes_on_from_its_state():
    rows = bars()
    whole, last = folded(rows)
    head, state = folded(rows[:100])
    tail, after = folded(rows[100:], state=state)
    assert_frame_equal(whole, pl.concat([head, tail]), check_exact=True)
    assert {name: values.tobytes() for name, values in after.items()} == {
        name: values.tobytes() for name, values in last.items()
    }


def test_a_missing_value_is_null_and_no_column_holds_nan():
    found, _ = folded(bars(buy_volume=[None] * N, sell_volume=[None] * N, vwap=[None] * N))
    assert found["buy_pressure"].null_count() == N
    for name in found.columns[4:]:
        assert not found[name].is_nan().any(), name


def utc(day, hour, minute=0):
    return datetime(2020, 1, day, hour, minute, tzinfo=UTC)


def test_every_bar_has_the_session_that_it_belongs_to():
    listed = sessions(
        (date(2020, 1, 2), utc(1, 23), utc(2, 22), False),
        (date(2020, 1, 3), utc(2, 23), utc(3, 18), True),
        (date(2020, 1, 6), utc(5, 23), utc(6, 22), False),
    )
    expected = {
        utc(1, 22, 59): date(2020, 1, 2),  # before the first open: of the session to come
        utc(1, 23): date(2020, 1, 2),
        utc(2, 12): date(2020, 1, 2),
        utc(2, 22): date(2020, 1, 2),  # the close belongs to it
        utc(2, 22, 30): date(2020, 1, 2),  # after hours
        utc(2, 23): date(2020, 1, 2),  # its trades came before the open
        utc(2, 23, 1): date(2020, 1, 3),
        utc(3, 22): date(2020, 1, 3),  # four hours after the close
        utc(3, 22, 1): date(2020, 1, 6),
        utc(6, 23): date(2020, 1, 6),
        utc(7, 12): None,  # the calendar ends
    }
    times = list(expected)
    rows = bars(len(times), ts_close=times, ts_open=[time - timedelta(minutes=1) for time in times])
    found = given_streams(rows, listed, facts())
    epoch = date(1970, 1, 1)
    days = [None if np.isnan(day) else epoch + timedelta(days=int(day)) for day in found[SESSION]]
    assert days == list(expected.values())
    by_day = {row["session"]: row for row in listed.to_dicts()}
    for time, day, row in zip(times, days, found.T, strict=True):
        if day is None:
            assert np.isnan(row[[SESSION_OPEN, SESSION_CLOSE, IS_HALF_DAY]]).all()
            continue
        session = by_day[day]
        assert row[SESSION_OPEN] == session["open"].timestamp() * 1e6, time
        assert row[SESSION_CLOSE] == session["close"].timestamp() * 1e6
        assert row[IS_HALF_DAY] == session["is_half_day"]


def test_the_float_is_that_of_the_day():
    known = facts(
        {"valid_from": date(2020, 1, 2), "valid_to": date(2020, 1, 3), "float_shares": 5e6},
        {"valid_from": date(2020, 1, 4), "float_shares": 6e6},
    )
    times = [utc(1, 12), utc(2, 12), utc(3, 12), utc(4, 12), utc(9, 12)]
    found = given_streams(bars(5, ts_close=times, ts_open=times), sessions(), known)
    np.testing.assert_array_equal(found[FLOAT_SHARES], [np.nan, 5e6, 5e6, 6e6, 6e6])


def test_a_float_counts_only_once_it_is_known():
    known = facts(
        {"valid_from": date(2020, 1, 2), "valid_to": date(2020, 1, 3), "known_at": utc(5, 12), "float_shares": 5e6},
        {"valid_from": date(2020, 1, 4), "known_at": utc(5, 12), "float_shares": 6e6},
    )
    times = [utc(1, 12), utc(2, 12), utc(4, 12), utc(5, 11), utc(5, 12), utc(9, 12)]
    found = given_streams(bars(6, ts_close=times, ts_open=times), sessions(), known)
    np.testing.assert_array_equal(found[FLOAT_SHARES], [np.nan, 5e6, 5e6, 5e6, 6e6, 6e6])


def test_a_float_told_before_an_older_one_replaces_it():
    known = facts(
        {"valid_from": date(2020, 1, 2), "known_at": utc(6, 12), "float_shares": 5e6},
        {"valid_from": date(2020, 1, 4), "known_at": utc(3, 12), "float_shares": 6e6},
    )
    times = [utc(2, 12), utc(3, 12), utc(4, 12), utc(7, 12)]
    found = given_streams(bars(4, ts_close=times, ts_open=times), sessions(), known)
    np.testing.assert_array_equal(found[FLOAT_SHARES], [np.nan, np.nan, 6e6, 6e6])


def test_streams_are_the_columns_of_the_bars():
    rows = bars(5)
    found = given_streams(rows, sessions(), facts())
    for place, name in enumerate(NAMES[: found.shape[0]]):
        if name in rows.columns:
            np.testing.assert_array_equal(found[place], rows[name].to_physical().cast(pl.Float64).to_numpy())


class NeedyParams(Params):
    period: int


def test_a_family_that_cannot_be_is_refused(monkeypatch):
    with pytest.raises(TypeError, match="bank needy: period of its parameters have no default"):

        @bank
        def needy(params: NeedyParams) -> Bank: ...

    with pytest.raises(TypeError, match="bank bare: it takes one argument"):

        @bank
        def bare() -> Bank: ...

    rsi = families()["rsi"]
    monkeypatch.setattr(families_module, "members", lambda *_: [rsi, rsi])
    with pytest.raises(families_module.ContractError, match="rsi"):
        families_module.families.__wrapped__()
    monkeypatch.setattr(families_module, "families", lambda: {"rsi": rsi, "again": rsi})
    with pytest.raises(families_module.ContractError, match="declared twice"):
        chosen_families({}, ())


def test_what_is_wrong_with_the_whole_section_is_said_plainly():
    with pytest.raises(ValidationError) as caught:
        FeaturesParams(leave_out=("nope_at_all",))
    assert wrong_fields(caught.value, FeaturesParams).startswith("unknown family of features 'nope_at_all'")
