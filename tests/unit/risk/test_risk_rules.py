import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsis.core.errors import UsageError
from tsis.risk.daily_loss import is_daily_loss_reached
from tsis.risk.position_size import position_size

MONEY = st.floats(1.0, 1e9)


def test_two_percent_of_equity_over_the_distance_to_the_stop():
    assert position_size(100_000, 0.02, 1.0, 100.0, 98.0, max_leverage=2.0) == 1_000.0
    assert position_size(100_000, 0.02, 0.5, 100.0, 102.0, max_leverage=2.0) == 500.0


def test_multiplier_lots_and_leverage():
    es = {"multiplier": 50.0, "lot_size": 1.0}
    assert position_size(100_000, 0.02, 1.0, 1640.0, 1630.0, max_leverage=10.0, **es) == 4.0
    assert position_size(100_000, 0.02, 1.0, 1640.0, 1630.0, max_leverage=2.0, **es) == 2.0
    assert position_size(100_000, 0.02, 1.0, 1640.0, 1639.0, max_leverage=10.0, exposure=900_000, **es) == 1.0
    assert position_size(1_000, 0.02, 1.0, 1640.0, 1630.0, max_leverage=10.0, **es) == 0.0


@given(
    MONEY, st.floats(0.001, 1), st.floats(0, 1), MONEY, st.floats(0.0001, 0.5), st.floats(1, 100), st.floats(0.01, 100)
)
def test_never_more_than_risk_and_leverage_allow(equity, risk_frac, bet, entry, distance, leverage, lot):
    stop = entry * (1 - distance)
    size = position_size(equity, risk_frac, bet, entry, stop, lot_size=lot, max_leverage=leverage)
    forgiven = lot * 1e-8
    assert size >= 0
    assert max(size - forgiven, 0) * (entry - stop) <= equity * risk_frac * bet * (1 + 1e-9)
    assert max(size - forgiven, 0) * entry <= equity * leverage * (1 + 1e-9)
    assert size / lot == pytest.approx(round(size / lot), rel=1e-9, abs=1e-6)


@pytest.mark.parametrize(("equity", "stop", "exposure"), [(-5.0, 98.0, 0.0), (1e5, 100.0, 0.0), (1e5, 98.0, 1e5)])
def test_no_equity_no_distance_no_room_is_no_position(equity, stop, exposure):
    assert position_size(equity, 0.02, 1.0, 100.0, stop, exposure=exposure) == 0.0


def test_prices_must_be_positive():
    with pytest.raises(UsageError, match=r"lot_size = 0\.0; must be above 0"):
        position_size(1e5, 0.02, 1.0, 100.0, 98.0, lot_size=0.0)
    with pytest.raises(UsageError, match="stop = nan"):
        position_size(1e5, 0.02, 1.0, 100.0, float("nan"))


def test_daily_loss():
    assert is_daily_loss_reached(94_999.0, 100_000.0, 0.05)
    assert not is_daily_loss_reached(95_001.0, 100_000.0, 0.05)
    assert not is_daily_loss_reached(120_000.0, 100_000.0, 0.05)
    assert is_daily_loss_reached(0.0, 0.0, 0.05)
