"""Values carried forward within a session, against polars."""

import numpy as np
import polars as pl
import pytest
from given_rows import given_rows, streams
from pydantic import ValidationError

from tsis.core.stream import NAMES
from tsis.features.engine import Engine
from tsis.features.microstructure.last_known import LastKnownParams, last_known


def columns(rows, **params):
    engine = Engine([last_known(LastKnownParams(**params))])
    return dict(zip(engine.names, engine.fold(streams(rows), engine.start())[0].T, strict=True))


@pytest.mark.parametrize("name", ["spread_bps", "vwap"])
def test_it_is_a_forward_fill_within_each_session(name):
    rows = given_rows("5m", 1)
    stream = NAMES.index(name)
    missing = np.random.default_rng(2).random(len(rows)) < 0.6
    rows[missing, stream] = np.nan
    frame = pl.DataFrame({"session": rows[:, NAMES.index("session")], "value": rows[:, stream]}).with_columns(
        value=pl.col("value").fill_nan(None), row=pl.int_range(pl.len())
    )
    seen = pl.when(pl.col("value").is_not_null()).then("row").forward_fill().over("session")
    filled = frame.select(last=pl.col("value").forward_fill().over("session"), age=pl.col("row") - seen)
    found = columns(rows, streams=(name,))
    np.testing.assert_array_equal(found[f"{name}_last"], filled["last"].cast(pl.Float64).fill_null(np.nan))
    np.testing.assert_array_equal(found[f"{name}_age"], filled["age"].cast(pl.Float64).fill_null(np.nan))
    assert filled["age"].max() > 3
    assert filled["last"].null_count() > 0


def test_without_a_session_nothing_is_carried():
    rows = given_rows("5m", 2, 50)
    rows[:, NAMES.index("session")] = np.nan
    rows[10:, NAMES.index("spread_bps")] = np.nan
    found = columns(rows)
    assert np.isfinite(found["spread_bps_last"][:10]).all()
    assert np.isnan(found["spread_bps_last"][10:]).all()
    assert np.isnan(found["spread_bps_age"][10:]).all()


def test_what_is_no_stream_is_refused():
    with pytest.raises(ValidationError, match=r"unknown stream 'spread'.*spread_bps"):
        LastKnownParams(streams=("spread",))
    with pytest.raises(ValidationError, match="given twice"):
        LastKnownParams(streams=("vwap", "vwap"))
