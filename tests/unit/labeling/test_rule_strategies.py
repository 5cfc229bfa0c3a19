"""Every rule strategy against a plain formula of its own, and as a source of events."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import talib
from polars.testing import assert_frame_equal
from pydantic import ValidationError
from session_bars import session_bars

from tsis.core.rule_strategy import ENTRY, SIDE
from tsis.core.table import spec
from tsis.labeling.events import EventsParams, SeriesEvents, events, rule_strategies, stances
from tsis.labeling.filters.cusum import CusumParams
from tsis.labeling.meta_labels import MetaLabelsParams, meta_labels
from tsis.labeling.strategies.bollinger_breakout import BollingerBreakoutParams
from tsis.labeling.strategies.cusum_momentum import CusumMomentumParams
from tsis.labeling.strategies.fvg_retest import FvgRetestParams
from tsis.labeling.strategies.gap_and_go import GapAndGoParams
from tsis.labeling.strategies.grid import GridParams
from tsis.labeling.strategies.macd import MacdRuleParams
from tsis.labeling.strategies.rsi_reversal import RsiReversalParams
from tsis.labeling.strategies.sma_cross import SmaCrossParams
from tsis.labeling.strategy_sides import StrategySidesParams, strategy_sides
from tsis.labeling.triple_barrier import BarrierParams, labels
from tsis.tables.labeling.events import Events
from tsis.tables.labeling.strategy_sides import StrategySides

N = 600
GRID = {"kind": "grid", "multiple": 2.0}
SEEDS = (1, 2, 3)


def rows(seed=1, n=N):
    return pd.DataFrame(session_bars(seed, n))


def found(params, bars):
    """Return side and entry of the strategy, and the time of each as a row number."""
    strategy = rule_strategies()[params.kind]
    x = np.vstack([bars[name].to_numpy() for name in strategy.inputs])
    return strategy.run(x, params, strategy.initial_state(params))


def held(sign):
    """Return the last sign that was not zero, zero before."""
    return sign.replace(0, np.nan).ffill().fillna(0)


def sma_cross(bars, params):
    average = bars["close"].rolling
    side = held(np.sign((average(params.fast).mean() - average(params.slow).mean()).round(9)))
    return side, (side != side.shift()) & (side.shift() * side < 0)


def macd(bars, params):
    line, signal, _ = talib.MACD(bars["close"].to_numpy(), params.fast, params.slow, params.signal)
    side = held(pd.Series(np.sign(np.round(line - signal, 9))))
    return side, side.shift() * side < 0


def rsi_reversal(bars, params):
    index = pd.Series(talib.RSI(bars["close"].to_numpy(), params.period))
    up = (index.shift() < params.oversold) & (index >= params.oversold)
    down = (index.shift() > params.overbought) & (index <= params.overbought)
    sides, side = [], 0
    for now, is_up, is_down in zip(index, up, down, strict=True):
        if is_up or is_down:
            side = 1 if is_up else -1
        elif (side == 1 and now >= params.middle) or (side == -1 and now <= params.middle):
            side = 0
        sides.append(side)
    return pd.Series(sides), up | down


def bollinger_breakout(bars, params):
    close = bars["close"].to_numpy()
    upper, middle, lower = talib.BBANDS(close, params.window, params.width, params.width)
    sides, entries, side = [], [], 0
    for i in range(close.size):
        before = side
        if close[i] > upper[i] + 1e-9:
            side = 1
        elif close[i] < lower[i] - 1e-9:
            side = -1
        elif (side == 1 and close[i] < middle[i]) or (side == -1 and close[i] > middle[i]):
            side = 0
        sides.append(side)
        entries.append(side not in (0, before))
    return pd.Series(sides), pd.Series(entries)


def cusum_momentum(bars, params):
    returns = np.log(bars["close"]).diff()
    level = bars["target"] * params.multiple if params.multiple else pd.Series(params.threshold_frac, bars.index)
    up = down = 0.0
    fired = []
    for value, threshold in zip(returns, level, strict=True):
        if np.isnan(value + threshold):
            up = down = 0.0
            fired.append(0)
            continue
        up, down = max(0.0, up + value), min(0.0, down + value)
        fired.append(-1 if down < -threshold else 1 if up > threshold else 0)
        up, down = (0.0 if fired[-1] == 1 else up), (0.0 if fired[-1] == -1 else down)
    return held(pd.Series(fired)), pd.Series(fired) != 0


def fvg_retest(bars, params):
    """A list of all gaps ever formed, searched anew at every bar."""
    high, low, close, target = (bars[name].to_numpy() for name in ("high", "low", "close", "target"))
    gaps, sides, entries, side, edge = [], [], [], 0, np.nan
    for i in range(len(bars)):
        if (side == 1 and close[i] < edge) or (side == -1 and close[i] > edge):
            side = 0
        touched = []
        for gap in gaps:
            age = i - gap["formed"]
            if gap["over"]:
                continue
            if gap["sign"] > 0:
                is_through, is_back = close[i] < gap["bottom"], low[i] <= gap["top"]
            else:
                is_through, is_back = close[i] > gap["top"], high[i] >= gap["bottom"]
            if age > params.max_age_bars or is_through:
                gap["over"] = True
            elif is_back:
                gap["over"] = True
                touched.append(gap)
        if touched:
            youngest = max(touched, key=lambda gap: gap["formed"])
            side = youngest["sign"]
            edge = youngest["bottom"] if side > 0 else youngest["top"]
        sides.append(side)
        entries.append(bool(touched))
        least = params.min_size * target[i] * close[i] if params.min_size else 0.0
        if i < 2 or np.isnan(least):
            continue
        for sign, bottom, top in ((1, high[i - 2], low[i]), (-1, high[i], low[i - 2])):
            if top > bottom and top - bottom >= least:
                for gap in gaps:
                    gap["over"] |= gap["sign"] == sign  # the youngest of its direction
                gaps.append({"sign": sign, "bottom": bottom, "top": top, "formed": i, "over": False})
    return pd.Series(sides), pd.Series(entries)


def gap_and_go(bars, params):
    """Session by session."""
    pause = (bars["ts_open"] - bars["ts_close"].shift()) / 1e6
    session = (pause >= params.pause_s).cumsum()
    side, entry = pd.Series(0, bars.index), pd.Series(data=False, index=bars.index)
    for number, day in bars.groupby(session):
        if number == 0:
            continue
        before = bars["close"][day.index[0] - 1]
        gap = day["open"].iloc[0] / before - 1
        if abs(gap) < params.min_gap_frac:
            continue
        sign = np.sign(gap)
        alive = (sign * (day["close"] - before) > 0).cummin()
        opening = day.iloc[: params.opening_bars]
        top = max([day["open"].iloc[0], *opening["high"]])
        bottom = min([day["open"].iloc[0], *opening["low"]])
        is_beyond = day["close"] > top if sign > 0 else day["close"] < bottom
        is_beyond &= alive & (np.arange(len(day)) >= params.opening_bars)
        if is_beyond.any():
            first = is_beyond.idxmax()
            entry[first] = True
            side[[i for i in day.index if i >= first and alive[i]]] = int(sign)
    return side, entry


def grid(bars, params):
    """Prices of the lines are laid out, and crossed lines counted."""
    sides, entries, lines, reached = [], [], None, 0
    for close, volatility in zip(bars["close"], bars["target"], strict=True):
        distance = params.multiple * volatility if params.multiple else params.step_frac
        entry = False
        if lines is not None:
            above, below = lines
            n_up, n_down = sum(close >= price for price in above), sum(close <= price for price in below)
            if n_up > params.n_lines or n_down > params.n_lines:
                lines = None
        if lines is None:
            reached = 0
            if not np.isnan(distance):
                steps = np.arange(1, params.n_lines + 2) * distance
                lines, start = (close * np.exp(steps), close * np.exp(-steps)), close
        else:
            if (reached > 0 and close <= start) or (reached < 0 and close >= start):
                reached = 0
            now = n_up - n_down
            if abs(now) > abs(reached):
                reached, entry = now, True
        sides.append(-np.sign(reached))
        entries.append(entry)
    return pd.Series(sides), pd.Series(entries)


CASES = [
    (sma_cross, SmaCrossParams()),
    (sma_cross, SmaCrossParams(fast=3, slow=8)),
    (macd, MacdRuleParams()),
    (macd, MacdRuleParams(fast=5, slow=13, signal=4)),
    (rsi_reversal, RsiReversalParams()),
    (rsi_reversal, RsiReversalParams(period=6, oversold=40, overbought=65, middle=55)),
    (bollinger_breakout, BollingerBreakoutParams()),
    (bollinger_breakout, BollingerBreakoutParams(window=10, width=1.5)),
    (cusum_momentum, CusumMomentumParams(multiple=2.0)),
    (cusum_momentum, CusumMomentumParams(threshold_frac=0.015)),
    (fvg_retest, FvgRetestParams()),
    (fvg_retest, FvgRetestParams(min_size=0.4, max_age_bars=8)),
    (gap_and_go, GapAndGoParams()),
    (gap_and_go, GapAndGoParams(min_gap_frac=0.004, opening_bars=2)),
    (grid, GridParams(multiple=1.5)),
    (grid, GridParams(step_frac=0.012, n_lines=2)),
]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("plain", "params"), CASES)
def test_a_strategy_is_its_plain_formula(plain, params, seed):
    assert plain.__name__ == params.kind
    bars = rows(seed)
    expected_side, expected_entry = plain(bars, params)
    got = found(params, bars)
    # where a flat stretch leaves both averages at one value, or a band without width, rounding decides in the formula
    compared = np.ones(N, dtype=bool)
    if params.kind in ("bollinger_breakout", "macd", "sma_cross", "rsi_reversal"):
        compared[N // 3 : N // 3 + 60] = False
    np.testing.assert_array_equal(got[SIDE][compared], expected_side.to_numpy()[compared])
    np.testing.assert_array_equal(got[ENTRY][compared], expected_entry.to_numpy()[compared])
    assert got[ENTRY][compared].sum() > 5


def test_every_strategy_has_a_plain_formula():
    assert {params.kind for _, params in CASES} == set(rule_strategies())


def hourly(bars, seed=1, n=N):
    made = session_bars(seed, n)
    return bars([tuple(row) for row in zip(*(made[name] for name in ("open", "high", "low", "close")), strict=True)])


def events_of(bars, dim, **params):
    chosen = SeriesEvents(span=20, **params)
    series = EventsParams(series={"future": {"time_1h": chosen}})
    return spec(Events).schema.validate(events(information_bars=bars, tickers_dim=dim, params=series))


def test_a_strategy_raises_events_where_it_enters_on_its_side(bars, dim):
    given = hourly(bars)
    rule = SmaCrossParams(fast=3, slow=10)
    at = found(rule, given.select("close").to_pandas())
    expected = given.select("ts_close").with_columns(side=pl.Series(at[SIDE])).filter(pl.Series(at[ENTRY] == 1))
    got = events_of(given, dim, strategies=(rule,))
    assert set(got["kind"]) == {"sma_cross"}
    assert got.select("t0", "side").rows() == expected.filter(pl.col("ts_close") >= got["t0"][0]).rows()
    assert got.height >= expected.height - 3  # those of the volatility's warm-up are none


def test_filters_come_before_strategies_and_an_event_is_the_first_of_them(bars, dim):
    given = hourly(bars)
    rules = (CusumParams(multiple=2.0, primary="reversal"),), (CusumMomentumParams(multiple=2.0),)
    both = events_of(given, dim, filters=rules[0], strategies=rules[1])
    assert_frame_equal(both, events_of(given, dim, filters=rules[0]))
    alone = events_of(given, dim, strategies=rules[1])
    assert_frame_equal(alone.drop("kind"), both.with_columns(-pl.col("side")).drop("kind"))
    macd_too = events_of(given, dim, strategies=(*rules[1], MacdRuleParams()))
    assert set(macd_too["kind"]) == {"cusum_momentum", "macd"}
    assert_frame_equal(macd_too.filter(pl.col("kind") == "cusum_momentum"), alone)


def test_a_strategy_may_say_the_side_of_what_filters_raise(bars, dim):
    given = hourly(bars)
    rule = MacdRuleParams()
    raised = events_of(given, dim, filters=(CusumParams(multiple=2.0, primary="none"),))
    sided = events_of(given, dim, filters=(CusumParams(multiple=2.0),), side_of=rule)
    side = pl.Series(found(rule, given.select("close").to_pandas())[SIDE])
    expected = raised.drop("side").join(
        given.select(t0="ts_close").with_columns(expected=side.replace(0, None)), on="t0", how="left"
    )
    assert_frame_equal(sided.drop("side"), raised.drop("side"))
    assert sided["side"].to_list() == expected["expected"].to_list()
    assert sided["side"].null_count() > 0


def test_the_meta_label_is_whether_the_side_paid(bars, dim):
    given = hourly(bars)
    got = events_of(given, dim, strategies=(CusumMomentumParams(multiple=2.0),))
    barriers = labels(got, given, BarrierParams(pt=2.0, sl=2.0, max_bars=20))
    meta = meta_labels(triple_barrier=barriers, events=got, params=MetaLabelsParams())
    close = dict(given.select("ts_close", "close").rows())
    for row in meta.iter_rows(named=True):
        assert row["label"] == int(row["side"] * (close[row["t1"]] - close[row["t0"]]) > 0)
    assert set(meta["label"]) == {0, 1}


def test_no_event_of_a_strategy_sees_later_bars(bars, dim):
    given = hourly(bars)
    cut = given["ts_close"][300]
    later = (pl.col("ts_close") > cut).cast(pl.Float64) * 0.5 + 1.0
    changed = given.with_columns(pl.col("open", "high", "low", "close") * later)
    rules = tuple(strategy.params(**more) for strategy, more in _with_params())
    for rule in rules:
        one, other = (
            events_of(frame, dim, strategies=(rule,)).filter(pl.col("t0") <= cut) for frame in (given, changed)
        )
        assert_frame_equal(one, other, check_exact=True)


def _with_params():
    needs = {"cusum_momentum": {"multiple": 2.0}, "grid": {"multiple": 2.0}}
    return [(strategy, needs.get(kind, {})) for kind, strategy in rule_strategies().items()]


def test_strategies_are_read_by_kind():
    given = {"span": 20, "strategies": [{"kind": "grid", "multiple": 2.0}, {"kind": "macd", "fast": 8}]}
    params = SeriesEvents.model_validate(given)
    assert params.strategies == (GridParams(multiple=2.0), MacdRuleParams(fast=8))
    assert params.digest() != SeriesEvents.model_validate(given | {"span": 21}).digest()
    side_of = SeriesEvents.model_validate({"filters": [{"kind": "z_score"}], "side_of": {"kind": "macd"}})
    assert side_of.side_of == MacdRuleParams()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"strategies": [{"kind": "mcad"}]}, "unknown strategy 'mcad'; did you mean 'macd'"),
        ({"strategies": [{"kind": "macd", "quick": 3}]}, "macd: quick: unknown field 'quick'"),
        ({"strategies": [{}]}, "unknown strategy 'None'"),
        ({}, "nothing raises events"),
        ({"strategies": [{"kind": "macd"}], "side_of": {"kind": "macd"}}, "side_of is the side of what filters raise"),
    ],
)
def test_wrong_parameters_are_named(given, message):
    with pytest.raises(ValidationError, match=message):
        SeriesEvents.model_validate(given)


def test_stances_reads_the_columns_that_a_strategy_names(bars):
    given = hourly(bars)
    rule = GapAndGoParams(pause_s=1.0)
    got = stances(given, np.full(N, 0.01), rule)
    frame = given.to_pandas()
    for name in ("ts_open", "ts_close"):
        frame[name] = given[name].cast(pl.Int64).cast(pl.Float64).to_numpy()
    np.testing.assert_array_equal(got, found(rule, frame))


def test_the_sides_of_strategies_at_the_events_of_others(bars, dim):
    given = hourly(bars)
    raised = events_of(given, dim, filters=(CusumParams(multiple=2.0),))
    rules = {"quick": {"kind": "sma_cross", "fast": 3, "slow": 8}, "slow": {"kind": "sma_cross"}, "grid": GRID}
    params = StrategySidesParams.model_validate({"series": {"future": {"time_1h": {"span": 20, "strategies": rules}}}})
    got = strategy_sides(information_bars=given, events=raised, tickers_dim=dim, params=params)
    spec(StrategySides).schema.validate(got)
    assert got.height == 3 * raised.height
    expected = found(SmaCrossParams(fast=3, slow=8), given.select("close").to_pandas())[SIDE]
    at = dict(zip(given["ts_close"], expected.tolist(), strict=True))
    quick = got.filter(pl.col("rule") == "quick")
    assert quick["side"].to_list() == [at[time] for time in quick["t0"]]
    assert got["side"].n_unique() == 3
    assert strategy_sides(
        information_bars=given, events=raised, tickers_dim=dim, params=StrategySidesParams()
    ).is_empty()
    with pytest.raises(ValidationError, match="unknown strategy 'sma'"):
        StrategySidesParams.model_validate({"series": {"fx": {"time_1h": {"strategies": {"a": {"kind": "sma"}}}}}})
