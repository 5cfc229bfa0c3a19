from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from tsis.analytics.drawdown import longest_under_water, max_drawdown_frac
from tsis.analytics.drawdowns import drawdowns
from tsis.analytics.report.tear_sheet import monthly_returns, tear_sheet
from tsis.core.errors import UnknownNameError
from tsis.core.table import spec
from tsis.tables.analytics.pnl_daily import PnlDaily
from tsis.tables.analytics.strategy_stats import StrategyStats
from tsis.tables.execution.fills_log import FillsLog

DAY = date(2024, 1, 30)


def curve(equity):
    return pl.DataFrame({"date": [DAY + timedelta(days=i) for i in range(len(equity))], "equity": equity})


@pytest.fixture
def days(frame):
    ret = np.array([0.01, -0.02, 0.03, -0.01])
    equity = 1_000 * np.cumprod(1 + ret)
    dates = [DAY + timedelta(days=i) for i in range(4)]
    pnl = np.diff(equity, prepend=1_000.0)
    given = {"equity": equity.tolist(), "pnl": pnl.tolist(), "ret_frac": ret.tolist()}
    return frame(PnlDaily, session_id="backtest:s", strategy_id="<s>", date=dates, **given)


def test_drawdowns_one_by_one():
    found = drawdowns(curve([100.0, 110.0, 99.0, 104.5, 110.0, 120.0, 60.0, 90.0]))
    at = [DAY + timedelta(days=i) for i in range(8)]
    assert found.rows() == [
        (at[5], at[6], None, pytest.approx(0.5), 2),
        (at[1], at[2], at[4], pytest.approx(0.1), 2),
    ]
    assert drawdowns(curve([1.0, 2.0])).is_empty()
    assert drawdowns(curve([1.0]).clear()).is_empty()
    with pytest.raises(UnknownNameError, match="unknown column 'ts'"):
        drawdowns(curve([1.0]), time="ts")


def test_drawdowns_agree_with_their_figures():
    equity = np.exp(np.cumsum(np.random.default_rng(2).normal(0, 0.01, 500)))
    found = drawdowns(curve(equity.tolist()))
    assert found["depth_frac"][0] == pytest.approx(max_drawdown_frac(equity))
    assert found["n_periods"].max() == longest_under_water(equity)


def test_months_compound(days):
    assert monthly_returns(days).rows() == [
        (2024, 1, pytest.approx(1.01 * 0.98 - 1)),
        (2024, 2, pytest.approx(1.03 * 0.99 - 1)),
    ]


def test_the_page_stands_alone_and_escapes(days, frame):
    page = tear_sheet(days, frame(StrategyStats, strategy_id="<s>", session_id="backtest:s"), spec(FillsLog).empty())
    assert "&lt;s&gt;" in page
    assert "<h1><s>" not in page
    assert "−1.0" in page  # January, %: 1.01 * 0.98 - 1
    assert 'data-chart="equity"' in page
    assert "http-equiv" in page
    empty = tear_sheet(days.clear(), spec(StrategyStats).empty(), spec(FillsLog).empty())
    assert "no data yet" in empty
