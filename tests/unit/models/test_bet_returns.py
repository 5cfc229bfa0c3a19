from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from tsis.models.bet_returns import bet_returns

T0 = datetime(2021, 3, 1, 15, tzinfo=UTC)
KEY = {"ticker": "A", "bar_spec": "time_1h", "seq": 0}


def events(rows):
    times = {"t0": [T0 + timedelta(hours=h) for h, *_ in rows], "t1": [T0 + timedelta(hours=h) for _, h, *_ in rows]}
    ends = {"ret_frac": [r for _, _, r, *_ in rows], "average_uniqueness": [u for *_, u, _ in rows]}
    us = pl.Datetime("us", "UTC")
    dataset = pl.DataFrame({**times, **ends}).with_columns(
        pl.col("t0", "t1").cast(us), **{k: pl.lit(v) for k, v in KEY.items()}
    )
    return dataset, dataset.select(*KEY, "t0", probability=pl.Series([p for *_, p in rows]))


def test_bets_earn_at_their_end_what_they_do_not_share():
    dataset, predictions = events(
        [(0, 4, 0.02, 0.5, 0.6), (1, 5, -0.01, 1.0, 0.5), (2, 9, 0.5, 1.0, 0.49), (3, 33, 0.1, 0.25, 0.9)]
    )
    found = bet_returns(
        predictions, dataset, pl.Series([date(2021, 2, 28), date(2021, 3, 1), date(2021, 3, 2), date(2021, 3, 3)])
    )
    # 15:00 + 4 h and + 5 h on the first day, + 33 h at the midnight that ends the second
    assert found["date"].to_list() == [date(2021, 3, 1), date(2021, 3, 2)]
    assert found["ret_frac"].to_list() == pytest.approx([0.02 * 0.5 - 0.01, 0.1 * 0.25])


def test_a_bet_that_ends_at_midnight_belongs_to_the_day_that_it_ends():
    dataset, predictions = events([(0, 9, 0.02, 1.0, 0.6)])
    assert bet_returns(predictions, dataset, pl.Series([], dtype=pl.Date))["date"].to_list() == [date(2021, 3, 1)]


def test_no_predictions_no_days():
    dataset, predictions = events([(0, 9, 0.02, 1.0, 0.6)])
    assert bet_returns(predictions.clear(), dataset, pl.Series([date(2021, 3, 1)])).is_empty()
