"""The loop of the flow `live_signals`: from the session's open to its close, a step every minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from prefect.logging import disable_run_logger

from flows import live_signals as module
from tsis.live.session import Stepped

CLOSE = datetime(2013, 9, 3, 20, tzinfo=UTC)


class Time:
    """A clock that runs when somebody sleeps."""

    def __init__(self, at: datetime) -> None:
        self.at, self.steps = at, []

    def now(self) -> datetime:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@pytest.fixture
def at(monkeypatch):
    """Return a function that runs the flow from a time on, and the times of its steps."""

    def run(moment: datetime, lasts_s: float = 1.0, **given):
        clock = Time(moment)

        def step(_: object) -> Stepped:
            clock.steps.append(clock.now())
            clock.sleep(lasts_s)
            return Stepped(1, 2, 0)

        monkeypatch.setattr(module, "SystemClock", lambda: clock)
        monkeypatch.setattr(module, "open_workspace", lambda: None)
        monkeypatch.setattr(module, "session_lake", lambda *_: None)
        monkeypatch.setattr(module, "show_signals", lambda _: None)
        monkeypatch.setattr(module, "step", step)
        monkeypatch.setattr(module.time, "sleep", clock.sleep)
        with disable_run_logger():
            decided = module.live_signals.fn(**given)
        assert decided == 2 * len(clock.steps)
        return clock.steps

    return run


def test_it_steps_every_minute_until_the_close(at):
    steps = at(CLOSE - timedelta(minutes=3, seconds=30))
    assert steps == [CLOSE - timedelta(minutes=3, seconds=30), *(CLOSE - timedelta(minutes=m) for m in (3, 2, 1, 0))]


def test_a_step_that_takes_long_makes_none_be_caught_up(at):
    steps = at(CLOSE - timedelta(minutes=5), lasts_s=130.0)
    assert steps == [CLOSE - timedelta(minutes=5), CLOSE - timedelta(minutes=2)]


@pytest.mark.parametrize(
    "moment", [CLOSE + timedelta(seconds=1), CLOSE - timedelta(hours=7), datetime(2013, 9, 2, 15, tzinfo=UTC)]
)
def test_it_does_nothing_while_the_exchange_is_closed(at, moment):
    assert at(moment) == []
    assert at(moment, once=True) == [moment]
