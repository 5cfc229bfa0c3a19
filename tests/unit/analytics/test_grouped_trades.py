from datetime import date

import polars as pl
import pytest

from tsis.analytics.grouped_trades import trades_by
from tsis.core.errors import UnknownNameError, UsageError

TRADES = pl.DataFrame(
    {
        "pnl": [10.0, -5.0, 20.0, -10.0, 4.0],
        "setup": ["gap", "gap", "cross", "gap", None],
        "day": [date(2024, 1, 2)] * 3 + [date(2024, 1, 3)] * 2,
    }
)


def test_groups_by_hand():
    found = trades_by(TRADES, "setup")
    assert found["setup"].to_list() == ["cross", "gap", None]
    assert found.row(1, named=True) == {
        "setup": "gap",
        "n_trades": 3,
        "pnl": -5.0,
        "expectancy": pytest.approx(-5 / 3),
        "win_rate_frac": pytest.approx(1 / 3),
        "profit_factor": pytest.approx(10 / 15),
        "payoff_ratio": pytest.approx(10 / 7.5),
    }
    assert found.row(0, named=True)["profit_factor"] is found.row(0, named=True)["payoff_ratio"] is None
    both = trades_by(TRADES, "day", "setup")
    assert both.select("n_trades").to_series().to_list() == [1, 2, 1, 1]


def test_nothing_in_nothing_out():
    assert trades_by(TRADES.clear(), "setup").columns == trades_by(TRADES, "setup").columns
    assert trades_by(TRADES.clear(), "setup").is_empty()


def test_what_cannot_be_grouped():
    with pytest.raises(UsageError, match="name a column"):
        trades_by(TRADES)
    with pytest.raises(UnknownNameError, match="did you mean 'setup'"):
        trades_by(TRADES, "setups")
