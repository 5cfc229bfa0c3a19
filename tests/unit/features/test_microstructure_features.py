"""The families of tsis/features/microstructure against plain formulas and published figures."""

from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from given_rows import given_rows, streams
from pydantic import ValidationError
from scipy.stats import norm

from tsis.core import stream
from tsis.core.stream import N_GIVEN, NAMES
from tsis.features.engine import Engine
from tsis.features.families import families

FAMILIES = {name: family for name, family in families().items() if ".microstructure." in family.module}
SAMPLE = Path(__file__).resolve().parents[3] / "data" / "sample" / "es_dollar_bars.parquet"


def said(name, rows, **params):
    """Return what a family says of `rows`, by column."""
    family = FAMILIES[name]
    engine = Engine([family(family.params(**params))])
    out, _ = engine.fold(streams(rows), engine.start())
    return dict(zip(engine.names, out.T.copy(), strict=True))


def clean(n=1_000, seed=2, spacing="5m"):
    """Return bars of which none lacks volume, and all columns by name."""
    rows = given_rows(spacing, seed, n)
    is_still = rows[:, stream.VOLUME] == 0.0
    for column in (stream.VOLUME, stream.DOLLAR_VOLUME, stream.N_TICKS, stream.BUY_VOLUME, stream.N_BUYS):
        rows[is_still, column] = 100.0
    rows[is_still, stream.SELL_VOLUME] = rows[is_still, stream.N_SELLS] = 0.0
    return rows, pd.DataFrame(rows, columns=NAMES[:N_GIVEN])


@pytest.fixture(scope="module")
def es():
    """Return the thousand real dollar bars of ES as the engine is given them."""
    bars = pl.read_parquet(SAMPLE)
    rows = np.full((bars.height, N_GIVEN), np.nan)
    columns = {"open": "open", "high": "high", "low": "low", "close": "close"}
    columns |= {"volume": "cum_vol", "dollar_volume": "cum_dollar", "n_ticks": "cum_ticks"}
    for name, column in columns.items():
        rows[:, NAMES.index(name)] = bars[column].to_numpy()
    return rows


def three(values):
    return np.nanmax(values), np.nanmean(values), values[25]


def test_the_figures_of_the_real_dollar_bars(es):
    roll, ranges = said("roll", es), said("corwin_schultz", es)
    assert three(roll["roll_spread_20"]) == pytest.approx((7.158451, 2.341811, 1.176525), abs=1e-6)
    assert three(ranges["corwin_schultz_20"]) == pytest.approx((0.0165224, 0.00151603, 0.00139617), rel=5e-6)
    assert three(ranges["beckers_parkinson_20"]) == pytest.approx((0.0187737, 0.00145659, 0.00051718), rel=5e-6)
    amihud = three(said("price_impact", es)["amihud_20"])
    assert amihud == pytest.approx((4.05784e-11, 1.72132e-11, 1.84399e-11), rel=5e-6)
    bulk = said("bulk_volume", es)
    assert abs(2.0 * bulk["bulk_buy_frac_20"][25] - 1.0) == pytest.approx(0.554052, abs=1e-6)
    assert bulk["bulk_vpin_20"][45] == pytest.approx(0.463817, abs=1e-6)


def test_vpin_of_given_sides_is_that_of_bulk_sides(es):
    bulk = said("bulk_volume", es)
    sided = es.copy()
    sided[:, stream.BUY_VOLUME] = bulk["bulk_buy_frac_20"] * es[:, stream.VOLUME]
    sided[:, stream.SELL_VOLUME] = es[:, stream.VOLUME] - sided[:, stream.BUY_VOLUME]
    vpin = said("vpin", sided, windows=(20,))
    np.testing.assert_allclose(vpin["vpin_20"], bulk["bulk_vpin_20"], rtol=1e-12)
    volume = pd.Series(es[:, stream.VOLUME])
    imbalance = pd.Series(np.abs(sided[:, stream.BUY_VOLUME] - sided[:, stream.SELL_VOLUME]))
    expected = imbalance.rolling(20).sum() / volume.rolling(20).sum()
    np.testing.assert_allclose(vpin["vpin_weighted_20"], expected, rtol=1e-12)


def test_roll_corwin_schultz_and_bulk_volume_are_those_of_pandas():
    rows, x = clean()
    change = x["close"].diff()
    spread = 2.0 * np.sqrt(change.rolling(30).cov(change.shift(1)).abs())
    found = said("roll", rows, windows=(20, 30))
    np.testing.assert_allclose(found["roll_spread_30"], spread, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(found["roll_spread_bps_30"], 1e4 * spread / x["close"], rtol=1e-9, atol=1e-7)

    squared = np.log(x["high"] / x["low"]) ** 2
    beta = squared.rolling(2).sum().rolling(15).mean()
    gamma = np.log(x["high"].rolling(2).max() / x["low"].rolling(2).min()) ** 2
    denominator = 3.0 - 2.0 * np.sqrt(2.0)
    alpha = ((np.sqrt(2.0) - 1.0) * np.sqrt(beta) / denominator - np.sqrt(gamma / denominator)).clip(lower=0.0)
    k = np.sqrt(8.0 / np.pi)
    sigma = (np.sqrt(0.5) - 1.0) * np.sqrt(beta) / (k * denominator) + np.sqrt(gamma / (k * k * denominator))
    found = said("corwin_schultz", rows, windows=(15,))
    expected = 2.0 * (np.exp(alpha) - 1.0) / (1.0 + np.exp(alpha))
    np.testing.assert_allclose(found["corwin_schultz_15"], expected, rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(found["beckers_parkinson_15"], sigma.clip(lower=0.0), rtol=1e-9, atol=1e-14)

    buys = pd.Series(norm.cdf(change / change.rolling(25).std()))
    found = said("bulk_volume", rows, windows=(25,))
    np.testing.assert_allclose(found["bulk_buy_frac_25"], buys, rtol=1e-9, atol=1e-15)
    expected = ((2.0 * buys - 1.0).abs() * x["volume"]).rolling(25).mean() / x["volume"]
    np.testing.assert_allclose(found["bulk_vpin_25"], expected, rtol=1e-9)


def edge_of(o, h, l, c):  # noqa: E741
    """Return EDGE of some bars by the formulas of the paper, section 2, with arrays."""
    o, h, l, c = (np.log(price) for price in (o, h, l, c))  # noqa: E741
    m = 0.5 * (h + l)
    mid_open, open_mid = (m - o)[1:], o[1:] - m[:-1]
    mid_close, close_mid, open_close = m[1:] - c[:-1], (c - m)[:-1], o[1:] - c[:-1]
    moves = ((h != l)[1:] | (l[1:] != c[:-1])).astype(float)
    if moves.sum() < 2:
        return np.nan
    p_open = (moves * (o != h)[1:]).mean() + (moves * (o != l)[1:]).mean()
    p_close = (moves * (c != h)[:-1]).mean() + (moves * (c != l)[:-1]).mean()
    if p_open == 0 or p_close == 0:
        return np.nan
    mid_open_0, mid_close_0, open_close_0 = (
        r - moves * r.mean() / moves.mean() for r in (mid_open, mid_close, open_close)
    )
    first = -4.0 * (mid_open_0 * open_mid / p_open + mid_close_0 * close_mid / p_close)
    second = -4.0 * (mid_open_0 * open_close / p_open + open_close_0 * close_mid / p_close)
    v1, v2 = first.var(), second.var()
    weighted = (v2 * first.mean() + v1 * second.mean()) / (v1 + v2) if v1 + v2 > 0 else (first + second).mean() / 2
    return np.sqrt(abs(weighted))


@pytest.mark.parametrize("n", [3, 20, 45])
def test_edge_is_that_of_its_bars_alone(n):
    rows, x = clean(600)
    prices = [x[name].to_numpy() for name in ("open", "high", "low", "close")]
    expected = np.full(len(x), np.nan)
    for i in range(n - 1, len(x)):
        expected[i] = edge_of(*(price[i - n + 1 : i + 1] for price in prices))
    found = said("edge", rows, windows=(n,))[f"edge_spread_{n}"]
    # squared spreads near zero are differences of larger numbers
    np.testing.assert_allclose(found**2, expected**2, rtol=1e-8, atol=1e-14)
    assert np.isfinite(found).sum() > 500


def test_edge_finds_a_spread_that_was_put_in():
    random = np.random.default_rng(5)
    spread = 0.01
    middle = np.cumsum(random.normal(0.0, 0.001, (400, 60)).ravel()).reshape(400, 60)
    traded = np.exp(middle + spread / 2.0 * random.choice([-1.0, 1.0], middle.shape))
    rows = np.full((400, N_GIVEN), np.nan)
    rows[:, stream.OPEN], rows[:, stream.CLOSE] = traded[:, 0], traded[:, -1]
    rows[:, stream.HIGH], rows[:, stream.LOW] = traded.max(axis=1), traded.min(axis=1)
    assert said("edge", rows, windows=(400,))["edge_spread_400"][-1] == pytest.approx(spread, rel=0.1)


def test_lambdas_are_those_of_statsmodels_and_pandas():
    import statsmodels.api as sm

    n, (rows, x) = 40, clean(300)
    found = said("price_impact", rows, windows=(n,))
    change, log_return = x["close"].diff(), np.log(x["close"]).diff()
    signed = x["buy_volume"] - x["sell_volume"]
    flows = {"kyle": (change, signed), "hasbrouck": (log_return, np.sign(signed) * np.sqrt(x["dollar_volume"]))}
    for name, (y, flow) in flows.items():
        for i in (n, 150, 299):
            window = slice(i - n + 1, i + 1)
            line = sm.OLS(y[window].to_numpy(), flow[window].to_numpy()).fit()
            assert found[f"{name}_lambda_{n}"][i] == pytest.approx(line.params[0], rel=1e-9)
            assert found[f"{name}_lambda_t_{n}"][i] == pytest.approx(line.tvalues[0], rel=1e-9)
    ratios = {
        "amihud": log_return.abs() / x["dollar_volume"],
        "kyle_ratio": change.abs() / x["volume"],
        "hasbrouck_ratio": log_return.abs() / np.sqrt(x["dollar_volume"]),
    }
    for name, ratio in ratios.items():
        np.testing.assert_allclose(found[f"{name}_{n}"], ratio.rolling(n).mean(), rtol=1e-9)


def test_order_flow_and_quotes_are_those_of_pandas():
    rows, x = clean()
    signed, trades = x["buy_volume"] - x["sell_volume"], x["n_buys"] - x["n_sells"]
    found = said("order_flow", rows, windows=(7, 20))
    np.testing.assert_array_equal(found["signed_volume"], signed)
    np.testing.assert_allclose(found["buy_pressure"], signed / x["volume"], rtol=1e-12)
    np.testing.assert_allclose(found["trade_imbalance"], trades / x["n_ticks"], rtol=1e-12)
    for n in (7, 20):
        expected = signed.rolling(n).sum() / x["volume"].rolling(n).sum()
        np.testing.assert_allclose(found[f"buy_pressure_{n}"], expected, rtol=1e-9, atol=1e-14)
        expected = trades.rolling(n).sum() / x["n_ticks"].rolling(n).sum()
        np.testing.assert_allclose(found[f"trade_imbalance_{n}"], expected, rtol=1e-9, atol=1e-14)
    found = said("quoted_market", rows)
    np.testing.assert_array_equal(found["spread_bps"], x["spread_bps"])
    np.testing.assert_array_equal(found["depth_imbalance"], x["depth_imbalance"])
    np.testing.assert_array_equal(found["order_flow_imbalance"], x["order_flow"])
    np.testing.assert_allclose(found["spread_bps_20"], x["spread_bps"].rolling(20).mean(), rtol=1e-12)
    depth = ((x["bid_size"] + x["ask_size"]) / 2.0).rolling(20).mean()
    expected = x["order_flow"].rolling(20).sum() / depth
    np.testing.assert_allclose(found["order_flow_imbalance_20"], expected, rtol=1e-9, atol=1e-12)
    found = said("trade_sizes", rows)
    np.testing.assert_array_equal(found["trade_size_entropy"], x["trade_size_entropy"])
    np.testing.assert_allclose(found["mean_trade_size"], x["volume"] / x["n_ticks"], rtol=1e-15)


@pytest.mark.parametrize("name", FAMILIES)
def test_warm_up_is_exact_on_clean_bars(name):
    rows, _ = clean()
    bank = FAMILIES[name](FAMILIES[name].params())
    for output, values in zip(bank.outputs, said(name, rows).values(), strict=True):
        assert np.flatnonzero(np.isfinite(values))[0] == output.warm_up, output.name


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("misprint", [1e9, np.nan])
def test_a_misprint_is_forgotten_with_its_window(name, misprint):
    rows, _ = clean()
    other = rows.copy()
    other[300, 2:] *= misprint
    longest = max(output.warm_up for output in FAMILIES[name](FAMILIES[name].params()).outputs)
    for column, values in said(name, other).items():
        expected = said(name, rows)[column]
        np.testing.assert_allclose(values[302 + longest :], expected[302 + longest :], rtol=1e-9, err_msg=column)
        if np.isnan(misprint):
            assert np.isnan(values[300]), column
            np.testing.assert_array_equal(np.isnan(values[:300]), np.isnan(expected[:300]))


@pytest.mark.parametrize("name", FAMILIES)
def test_no_trading_and_still_prices_give_nothing_infinite(name):
    rows, _ = clean(200)
    for column in (stream.OPEN, stream.HIGH, stream.LOW, stream.CLOSE):
        rows[:, column] = 100.0
    rows[:, stream.VOLUME : stream.N_TICKS + 1] = rows[:, stream.BUY_VOLUME : stream.N_SELLS + 1] = 0.0
    rows[:, [stream.BID_SIZE, stream.ASK_SIZE]] = 0.0
    found = said(name, rows)
    assert not any(np.isinf(values).any() for values in found.values())
    for column in {"buy_pressure", "amihud_20", "kyle_lambda_20", "kyle_lambda_t_20", "vpin_50", "edge_spread_20"}:
        assert np.isnan(found.get(column, np.nan)).all(), column
    for column in {"signed_volume", "roll_spread_20", "corwin_schultz_20", "beckers_parkinson_20"}:
        assert not np.nan_to_num(found.get(column, np.zeros(1))).any(), column


def test_a_perfect_fit_has_no_t_value():
    rows, _ = clean(60)
    signed = rows[:, stream.BUY_VOLUME] - rows[:, stream.SELL_VOLUME]
    rows[:, stream.CLOSE] = 1e6 + np.cumsum(signed)
    found = said("price_impact", rows)
    np.testing.assert_allclose(found["kyle_lambda_20"][20:], 1.0, rtol=1e-12)
    assert np.isnan(found["kyle_lambda_t_20"]).all()


@pytest.mark.parametrize("windows", [(), (0,), (20, 20), (1,)])
def test_windows_that_can_not_be_are_refused(windows):
    for name in ("roll", "order_flow", "edge"):
        with pytest.raises(ValidationError):
            FAMILIES[name].params(windows=windows)
