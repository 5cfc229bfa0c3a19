"""Synthetic frames of every table that the report shows, made from the tables' own contracts."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from tsis.core.table import Table, spec
from tsis.tables.analytics.feature_importance import FeatureImportance
from tsis.tables.analytics.model_stats import ModelStats
from tsis.tables.analytics.pnl_daily import PnlDaily
from tsis.tables.analytics.strategy_stats import StrategyStats
from tsis.tables.execution.fills_log import FillsLog
from tsis.tables.execution.orders_log import OrdersLog
from tsis.tables.governance.runs import Runs
from tsis.tables.governance.verdicts import Verdicts
from tsis.tables.labeling.events import Events
from tsis.tables.labeling.triple_barrier import TripleBarrier
from tsis.tables.processed_features.information_bars import InformationBars
from tsis.tables.reference.sessions import Sessions
from tsis.tables.reference.tickers_dim import TickersDim
from tsis.tables.signals.signals_history import SignalsHistory

_FILL = {pl.String: "x", pl.Float64: 1.0, pl.Int64: 1, pl.Boolean: True, pl.Int8: 1, pl.Date: date(2013, 1, 2)}
_FILL |= {pl.Datetime: datetime(2013, 1, 2, tzinfo=UTC)}


def frame(table: type[Table], **columns: Any) -> pl.DataFrame:
    """Rows of `table`; a column that is not given holds any one value of its type."""
    found = pl.DataFrame({name: values for name, values in columns.items() if not np.isscalar(values)})
    exprs = []
    for name, dtype in spec(table).polars_schema.items():
        value = columns.get(name, _FILL[dtype.base_type()])
        exprs.append((pl.col(name) if name in found.columns else pl.lit(value)).cast(dtype).alias(name))
    ready = found.select(exprs).sort(spec(table).key)
    return spec(table).schema.validate(ready)


def bars(ticker: str, bar_spec: str, start: datetime, step: timedelta, n: int, price: float, seed: int) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    close = price * np.exp(np.cumsum(rng.standard_t(4, n) * 0.006 * np.sqrt(step / timedelta(days=1)) / 1.3))
    opened = np.concatenate([[price], close[:-1]])
    times = [start + step * k for k in range(n)]
    return frame(
        InformationBars,
        ticker=ticker,
        bar_spec=bar_spec,
        ts_open=times,
        ts_close=[time + step for time in times],
        seq=0,
        open=opened,
        close=close,
        high=np.maximum(opened, close) * 1.001,
        low=np.minimum(opened, close) * 0.999,
        raw_table="raw.trades",
    )


def events_of(series: pl.DataFrame, every: int, seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """An event each `every` bars, and what closes did to it within 3 * `every` bars; the last stay unlabelled."""
    rng = np.random.default_rng(seed)
    close, times = series["close"].to_numpy(), series["ts_close"].to_list()
    at = np.arange(every, series.height - 1, every)
    side = rng.choice([-1, 1], at.size)
    target = np.full(at.size, 1.5 * np.std(np.diff(np.log(close))) * np.sqrt(every))
    ticker, bar_spec = series["ticker"][0], series["bar_spec"][0]
    shared = {"ticker": ticker, "bar_spec": bar_spec, "seq": 0}
    events = frame(Events, **shared, t0=[times[i] for i in at], kind="cusum", side=side, target=target)
    rows = []
    for i, sign, width in zip(at, side, target, strict=True):
        path = sign * (close[i + 1 : i + 1 + 3 * every] / close[i] - 1.0)
        touched = np.flatnonzero(np.abs(path) >= width)
        if touched.size or path.size == 3 * every:
            k = int(touched[0]) if touched.size else path.size - 1
            barrier = ("profit_taking" if path[k] > 0 else "stop_loss") if touched.size else "vertical"
            label = int(np.sign(path[k])) if touched.size else 0
            rows.append((times[i], times[i + 1 + k], label, float(path[k]), barrier))
    t0, t1, label, ret, barrier = (list(column) for column in zip(*rows, strict=True))
    columns = {"t0": t0, "t1": t1, "label": label, "ret_frac": ret, "barrier": barrier}
    return events, frame(TripleBarrier, **shared, **columns, pt=1.0, sl=1.0)


def pnl(strategy: str, start: date, n: int, drift: float, seed: int) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    ret = rng.standard_t(5, n) * 0.004 + drift
    equity = 100_000 * np.cumprod(1 + ret)
    before = np.concatenate([[100_000.0], equity[:-1]])
    return frame(
        PnlDaily,
        session_id=f"backtest:{strategy}",
        origin="backtest",
        strategy_id=strategy,
        date=[start + timedelta(days=k) for k in range(n)],
        equity=equity,
        pnl=equity - before,
        ret_frac=ret,
    )


def chain() -> dict[str, pl.DataFrame]:
    """A small lake: a future on dollar bars, two equities by day, a currency by hour; three strategies."""
    opening = datetime(2013, 9, 1, 22, tzinfo=UTC)
    series = [
        bars("ES", "dollar_200000000", opening, timedelta(minutes=4), 700, 1640.0, 1),
        bars("AAPL", "time_1d", datetime(2004, 1, 2, 21, tzinfo=UTC), timedelta(days=1), 3300, 21.0, 2),
        bars("IBM", "time_1d", datetime(2004, 1, 2, 21, tzinfo=UTC), timedelta(days=1), 3300, 91.0, 3),
        bars("EURUSD", "time_1h", datetime(2014, 1, 2, tzinfo=UTC), timedelta(hours=1), 9000, 1.37, 4),
        bars("ES", "time_1m", opening, timedelta(minutes=1), 2800, 1640.0, 1),
    ]
    found = [
        events_of(one, every, seed) for seed, (one, every) in enumerate(zip(series[:4], (7, 20, 23, 45), strict=True))
    ]
    strategies = ["es_dollar", "fx_hourly", "us_daily"]
    days, drift = [40, 900, 2400], [0.0003, -0.0001, 0.00035]
    features = [
        "return_5",
        "ewm_volatility_100",
        "rsi_14",
        "vwap_distance_bps",
        "amihud_20",
        "roll_spread_20",
        "imbalance_10",
        "hour_sin",
        "hour_cos",
        "bar_seconds",
    ]
    rng = np.random.default_rng(9)
    share = np.sort(rng.dirichlet(np.full(len(features), 3.0)))[::-1]
    folds = {"es_dollar": 3, "fx_hourly": 4, "us_daily": 14}
    keys = [(m, "cv", k) for m in strategies for k in range(5)]
    keys += [(m, "walk_forward", k) for m in strategies for k in range(folds[m])]
    model, split, fold = (list(column) for column in zip(*keys, strict=True))
    stages = [
        "ingest:sample",
        "sessions",
        "daily_cache",
        "information_bars",
        "features",
        "events",
        "triple_barrier",
        "sample_weights",
        "dataset",
        "predictions",
        "setups",
        "signals_history",
        "pnl_daily",
        "strategy_stats",
    ]
    began = datetime(2026, 11, 21, 8, tzinfo=UTC)
    fx = series[3].filter(pl.col("ts_close").is_in(found[3][0]["t0"].tail(12).implode()))
    ids = [f"s{k:03}" for k in range(fx.height)]
    at, price = fx["ts_close"], fx["close"]
    fx_session = {"session_id": "backtest:fx_hourly", "origin": "backtest", "ticker": "EURUSD"}
    done = {"bar_spec": "time_1h", "model": "fx_hourly", "status": "filled", "seq": 0}
    held = {
        "signal_id": [f"h{k:03}" for k in range(30)],
        "reason": ["probability below 0.55"] * 21 + ["spread too wide"] * 9,
    }
    frames = [
        (InformationBars, pl.concat(series)),
        (Events, pl.concat([events for events, _ in found])),
        (TripleBarrier, pl.concat([labels for _, labels in found])),
        (PnlDaily, pl.concat([pnl(s, date(2006, 1, 2), n, d, k) for k, (s, n, d) in enumerate(zip(strategies, days, drift, strict=True))])),  # noqa: E501
        (StrategyStats, frame(
            StrategyStats, session_id=[f"backtest:{s}" for s in strategies], origin="backtest", strategy_id=strategies,
            n_days=days, n_trades=[11, 214, 388], total_return_frac=[0.0123, -0.081, 0.62],
            sharpe_daily=[0.07, -0.02, 0.05],
            sharpe_annual=[1.13, -0.34, 0.81], periods_a_year=252.0, skew=[0.1, -0.4, -0.2], kurtosis=[3.4, 5.1, 6.2],
            psr_frac=[0.67, 0.31, 0.94], min_trl_days=[551.2, None, 2655.0], max_drawdown_frac=[0.021, 0.134, 0.112],
            profit_factor=[1.4, 0.91, 1.22], win_rate_frac=[0.55, 0.48, 0.53], expectancy=[111.8, -38.1, 160.2],
            turnover_annual=[310.0, 88.0, 21.0],
        )),
        (Verdicts, frame(
            Verdicts, strategy_id=strategies, run_id="20261121T080000", n_trials=[4, 4, 4],
            trial_sharpe_variance=[0.001, 0.001, 0.001], dsr_frac=[0.42, 0.12, 0.31],
            min_trl_days=[551.2, None, 2655.0],
            verdict=["too short: MinTRL 552 days", "no edge shown: negative Sharpe", "no edge shown: DSR 0.31"],
            is_edge_shown=[False, False, False], judged_at=began,
        )),
        (ModelStats, frame(
            ModelStats, model=model, split=split, fold=fold, n_train=rng.integers(200, 900, len(keys)),
            n_test=rng.integers(40, 200, len(keys)), base_rate_frac=rng.uniform(0.42, 0.58, len(keys)),
            auc=[None, *rng.normal(0.52, 0.03, len(keys) - 1)], log_loss=rng.normal(0.697, 0.01, len(keys)),
        )),
        (FeatureImportance, frame(
            FeatureImportance, model=[m for m in strategies for _ in features], method="mdi", feature=features * 3,
            importance=np.tile(share, 3), std=np.tile(share, 3) * 0.3,
        )),
        (Runs, frame(
            Runs, run_id="20261121T080000", stage=stages, status="success",
            rows_in=rng.integers(1_000, 500_000, len(stages)),
            rows_out=rng.integers(100, 50_000, len(stages)), rows_quarantined=[137] + [0] * (len(stages) - 1),
            seconds=rng.uniform(0.05, 3.0, len(stages)), compile_s=0.0,
            error=pl.Series([None] * len(stages), dtype=pl.String),
            peak_memory_bytes=412_000_000, started_at=[began + timedelta(seconds=k) for k in range(len(stages))],
        )),
        (SignalsHistory, pl.concat([
            frame(SignalsHistory, **fx_session, **done, signal_id=ids, ts=at, action="ENTER",
                size=10_000.0, reason="all rules held"),
            frame(SignalsHistory, **fx_session, **(done | {"status": "expired"}), **held, ts=at[0],
                action="HOLD", size=0.0),
        ])),
        (OrdersLog, frame(
            OrdersLog, **fx_session, order_id=ids, signal_id=ids, side="buy", type="market", status="filled",
            ts_signal=at,
        )),
        (FillsLog, frame(
            FillsLog, **fx_session, fill_id=ids, order_id=ids, ts=at, side="buy", qty=10_000.0, price=price, fee=0.35,
            slippage_bps=rng.uniform(0.2, 1.4, fx.height),
        )),
        (TickersDim, frame(
            TickersDim, ticker=["ES", "AAPL", "IBM", "EURUSD"], exchange=["XCME", "XNYS", "XNYS", "FX24"],
            asset_class="equity",
        )),
        (Sessions, frame(
            Sessions, exchange="XNYS", session=[date(2004, 1, 5) + timedelta(days=k) for k in range(3299)],
            open=[datetime(2004, 1, 5, 14, 30, tzinfo=UTC) + timedelta(days=k) for k in range(3299)],
            close=[datetime(2004, 1, 5, 21, tzinfo=UTC) + timedelta(days=k) for k in range(3299)],
        )),
    ]  # fmt: skip
    return {spec(table).name: rows for table, rows in frames}
