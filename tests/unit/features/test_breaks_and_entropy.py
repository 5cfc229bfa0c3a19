from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from pydantic import ValidationError

from tsis.core.errors import DataError
from tsis.core.table import spec
from tsis.features.entropy import EntropiesParams, EntropyParams, entropy, return_entropies
from tsis.features.structural_breaks import BreakParams, StructuralBreaksParams, break_tests, structural_breaks
from tsis.kernels import entropy as entropy_kernel
from tsis.kernels import structural_breaks as break_kernel
from tsis.tables.processed_features.entropy import Entropy
from tsis.tables.processed_features.information_bars import InformationBars
from tsis.tables.processed_features.structural_breaks import StructuralBreaks
from tsis.tables.reference.tickers_dim import TickersDim

N = 150


@pytest.fixture
def bars(frame):
    close = 2_000.0 * np.exp(np.cumsum(np.random.default_rng(1).normal(0.0, 0.002, N)))
    close[40:43] = close[40]
    start = datetime(2020, 1, 1, tzinfo=UTC)
    closes = [start + timedelta(minutes=3 * (i // 2)) for i in range(N)]  # two bars a time
    return frame(
        InformationBars, ticker="ES", bar_spec="dollar_70M", ts_close=closes, seq=list(range(N)), close=close.tolist()
    )


@pytest.fixture
def dim(frame):
    return frame(TickersDim, ticker="ES", asset_class="future")


def test_break_tests_are_those_of_the_kernels(bars, dim):
    chosen = BreakParams(min_bars=15, max_bars=60, n_lags=2, trend=1)
    params = StructuralBreaksParams(series={"future": {"dollar_70M": chosen}})
    shuffled = bars.sample(fraction=1.0, shuffle=True, seed=3)
    found = structural_breaks(information_bars=shuffled, tickers_dim=dim, params=params)
    spec(StructuralBreaks).schema.validate(found)
    assert_frame_equal(found.select("ticker", "ts_close", "seq"), bars.select("ticker", "ts_close", "seq"))
    sadf, chow = np.empty((N, 2)), np.empty((N, 2))
    y = np.log(bars["close"].to_numpy())
    break_kernel.sadf(y, 15, 60, 2, 1, sadf)
    break_kernel.sup_chow(y, 15, 60, 0.15, chow)
    for name, values in {
        "sadf": sadf[:, 0],
        "sadf_bars": sadf[:, 1],
        "chow": chow[:, 0],
        "chow_bars": chow[:, 1],
    }.items():
        assert found[name].null_count() == 14
        np.testing.assert_array_equal(found[name].cast(pl.Float64).fill_null(np.nan).to_numpy(), values)


@pytest.mark.parametrize("encoding", ["binary", "quantile"])
def test_entropies_are_those_of_the_last_returns(bars, dim, encoding):
    chosen = EntropyParams(encoding=encoding, n_symbols=4, window=40, word_length=2)
    params = EntropiesParams(series={"future": {"dollar_70M": chosen}})
    found = entropy(information_bars=bars.sample(fraction=1.0, shuffle=True, seed=3), tickers_dim=dim, params=params)
    spec(Entropy).schema.validate(found)
    assert found["shannon"].is_null().to_list() == [True] * 40 + [False] * (N - 40)
    returns = np.diff(np.log(bars["close"].to_numpy()))[-40:]
    codes, n_symbols = entropy_kernel.binary_codes(returns), 2
    if encoding == "quantile":
        codes, n_symbols = entropy_kernel.quantile_codes(returns, entropy_kernel.quantile_edges(returns, 4)), 4
    expected = np.empty(4)
    entropy_kernel.entropies(codes, n_symbols, 2, expected)
    assert found.row(-1)[4:] == tuple(expected)


def test_series_without_settings_have_no_rows(bars, dim):
    params = {"series": {"future": {"time_1h": {}}, "equity": {"dollar_70M": {}}}}
    assert structural_breaks(
        information_bars=bars, tickers_dim=dim, params=StructuralBreaksParams.model_validate(params)
    ).is_empty()
    assert entropy(information_bars=bars, tickers_dim=dim, params=EntropiesParams.model_validate(params)).is_empty()


def test_an_unknown_ticker_is_refused(bars, frame):
    other = frame(TickersDim, ticker="NQ", asset_class="future")
    with pytest.raises(DataError, match="ES"):
        structural_breaks(information_bars=bars, tickers_dim=other, params=StructuralBreaksParams())
    with pytest.raises(DataError, match="ES"):
        entropy(information_bars=bars, tickers_dim=other, params=EntropiesParams())


def test_series_shorter_than_a_window_have_nulls(bars):
    for n in (0, 1, 3):
        for found in (break_tests(bars.head(n), BreakParams()), return_entropies(bars.head(n), EntropyParams())):
            assert found.height == n
            assert found.drop("ticker", "bar_spec", "ts_close", "seq").null_count().row(0) == (n,) * (found.width - 4)


def test_windows_that_can_not_be_estimated_are_refused():
    with pytest.raises(ValidationError, match="min_bars must be 13 or more for 4 lags and trend 0"):
        BreakParams(min_bars=12, n_lags=4)
    with pytest.raises(ValidationError, match=r"max_bars must be min_bars \(50\) or more"):
        BreakParams(min_bars=50, max_bars=40)
    with pytest.raises(ValidationError):
        EntropyParams(window=2)
