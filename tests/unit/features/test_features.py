from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from tsis.core.errors import ContractError
from tsis.core.table import spec
from tsis.features import features as stage_module
from tsis.features.features import FeaturesParams, feature_banks, feature_columns, features
from tsis.features.rsi import bank as rsi
from tsis.tables.processed_features.features import Features
from tsis.tables.processed_features.information_bars import InformationBars

BANKS = feature_banks()
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


def folded(rows, **params):
    return features(information_bars=rows, params=FeaturesParams(**params))[0]


def test_the_table_is_widened_by_every_feature():
    wide = spec(Features).widened(feature_columns())
    found = folded(bars())
    wide.schema.validate(found)
    assert found.columns[4:] == list(feature_columns())
    assert len(feature_columns()) >= 20
    for name in feature_columns():
        assert wide.unit(name)
        assert wide.schema.columns[name].description
    wide.schema.validate(folded(bars(0)))


def test_every_feature_has_its_first_value_after_its_warm_up():
    found = folded(bars())
    for bank in BANKS:
        for feature in bank.outputs:
            present = found[feature.name].is_not_null()
            assert present.arg_max() == feature.warm_up, feature.name
            assert present[feature.warm_up :].all(), feature.name


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1_000), cuts=st.lists(st.integers(0, N), max_size=5))
def test_any_chunks_give_the_same_bytes(seed, cuts):
    rows = bars(seed=seed)
    edges = [0, *sorted(cuts), N]
    for bank in BANKS:
        x = inputs(bank, rows)
        whole_state, state = bank.initial_state(), bank.initial_state()
        whole = bank.fold(x, whole_state)
        parts = []
        for start, stop in pairwise(edges):
            state = np.frombuffer(state.tobytes()).copy()
            parts.append(bank.fold(x[:, start:stop], state))
        assert np.hstack(parts).tobytes() == whole.tobytes(), bank.outputs[0].name
        assert state.tobytes() == whole_state.tobytes(), bank.outputs[0].name


def test_one_row_at_a_time_is_batch():
    rows = bars()
    for bank in BANKS:
        x = inputs(bank, rows)
        whole = bank.fold(x, bank.initial_state())
        state = bank.initial_state()
        live = np.hstack([bank.fold(x[:, i : i + 1], state) for i in range(N)])
        assert live.tobytes() == whole.tobytes(), bank.outputs[0].name


def inputs(bank, rows):
    return np.vstack([rows[name].to_physical().cast(pl.Float64).to_numpy() for name in bank.inputs])


def test_no_feature_sees_later_bars():
    before, other = bars(), bars(seed=12)
    for cut in (150, 230):
        changed = pl.concat([before[:cut], other[cut:]])
        assert_frame_equal(folded(before)[:cut], folded(changed)[:cut], check_exact=True)
        # and every feature but those of the time of day does change after it
        same = [name for name in feature_columns() if folded(before)[name][cut:].equals(folded(changed)[name][cut:])]
        assert same == ["time_of_day_sin", "time_of_day_cos"]


def test_series_do_not_mix_and_inputs_are_not_mutated():
    one, two = bars(), bars(seed=12, bar_spec=["tick_200"] * N)
    both = pl.concat([two, one]).sample(fraction=1.0, shuffle=True, seed=3)
    copy = both.clone()
    found = folded(both)
    assert_frame_equal(found, pl.concat([folded(one), folded(two)]), check_exact=True)
    assert_frame_equal(both, copy, check_exact=True)
    assert_frame_equal(folded(both, bar_specs=("tick_200",)), folded(two), check_exact=True)


def test_values_are_those_of_pandas():
    rows = bars()
    found = folded(rows)
    close, volume = pd.Series(rows["close"].to_numpy()), pd.Series(rows["volume"].to_numpy())
    returns = close.pct_change()
    seeded = close.copy()
    seeded[:9], seeded[9] = np.nan, close[:10].mean()
    expected = {
        "log_return_5": np.log(close / close.shift(5)),
        "ema_distance_10": close / seeded.ewm(span=10, adjust=False, ignore_na=True).mean() - 1,
        "volatility_20": returns.ewm(span=20).std().where(np.arange(N) >= 20),
        "volatility_100": returns.ewm(span=100).std().where(np.arange(N) >= 100),
        "volume_zscore_20": (volume - volume.rolling(20).mean()) / volume.rolling(20).std(),
        "bollinger_width_20": 4 * close.rolling(20).std(ddof=0) / close.rolling(20).mean(),
        "bollinger_pct_b_20": (close - close.rolling(20).mean()) / (4 * close.rolling(20).std(ddof=0)) + 0.5,
    }
    for name, values in expected.items():
        np.testing.assert_allclose(found[name].to_numpy(), values.to_numpy(), rtol=1e-8, atol=1e-12, err_msg=name)


def test_atr_is_the_recursion_of_wilder():
    rows = bars()
    high, low, close = (rows[name].to_numpy() for name in ("high", "low", "close"))
    ranges = np.maximum(high[1:], close[:-1]) - np.minimum(low[1:], close[:-1])
    average = ranges[:14].mean()
    expected = [average / close[14]]
    for i in range(14, ranges.size):
        average = (13 * average + ranges[i]) / 14
        expected.append(average / close[i + 1])
    np.testing.assert_allclose(folded(rows)["atr_frac_14"].to_numpy()[14:], expected, rtol=1e-12)


def test_rsi_of_the_series_that_ta_lib_tests_with():
    close = [91.5, 94.815, 94.375, 95.095, 93.78, 94.625, 92.53, 92.75, 90.315]
    close += [92.47, 96.125, 97.25, 98.5, 89.875, 91.0, 92.815, 89.155]
    found = rsi.fold(np.array([close]), rsi.initial_state())[0]
    assert np.isnan(found[:14]).all()
    np.testing.assert_allclose(found[14:], [49.14734, 52.32555, 46.07240], atol=5e-6)


def test_what_cannot_be_known_is_null():
    silent = bars(buy_volume=[None] * N, sell_volume=[None] * N, vwap=[None] * N)
    found = folded(silent)
    assert found["buy_pressure"].null_count() == N
    assert found["buy_pressure_20"].null_count() == N
    assert found["vwap_distance"].null_count() == N
    flat = bars(**dict.fromkeys(("open", "high", "low", "close"), [100.0] * N), volume=[500.0] * N)
    still = folded(flat)
    for name in ("rsi_14", "close_location", "bollinger_pct_b_20", "volume_zscore_20"):
        assert still[name].null_count() == N, name
    assert still["volatility_100"][-1] == 0.0


def test_a_name_declared_twice_is_refused(monkeypatch):
    monkeypatch.setattr(stage_module, "members", lambda *_: [rsi, rsi])
    with pytest.raises(ContractError, match="rsi_14"):
        feature_banks()
