import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tsis.core.table import spec
from tsis.labeling.events import EventsParams, SeriesEvents, events
from tsis.labeling.filters.cusum import CusumParams
from tsis.labeling.sample_weights import SampleWeightsParams, sample_weights
from tsis.labeling.triple_barrier import BarrierParams, TripleBarrierParams, triple_barrier
from tsis.tables.labeling.events import Events
from tsis.tables.labeling.sample_weights import SampleWeights
from tsis.tables.labeling.triple_barrier import TripleBarrier


def windows(rows, spans):
    """Events and labels over the bars [first, last] of each span; last None is still open."""
    times = rows["ts_close"]
    key = {"ticker": "ES", "bar_spec": "time_1h", "seq": 0}
    raised = pl.DataFrame(
        [key | {"t0": times[i], "kind": "cusum", "side": 1, "target": 0.01} for i, _ in spans],
        schema=spec(Events).polars_schema,
    )
    ended = pl.DataFrame(
        [
            key
            | {
                "t0": times[i],
                "t1": times[j],
                "t1_seq": 0,
                "label": 1,
                "ret_frac": 0.1,
                "barrier": "vertical",
                "pt": 1.0,
                "sl": 1.0,
            }
            for i, j in spans
            if j is not None
        ],
        schema=spec(TripleBarrier).polars_schema,
    )
    return raised, ended


def weigh(raised, ended, rows):
    found = sample_weights(triple_barrier=ended, events=raised, information_bars=rows, params=SampleWeightsParams())
    return spec(SampleWeights).schema.validate(found)


def test_uniqueness_of_the_book(bars):
    # AFML 4.2; the last label ends on the last bar and is complete
    rows = bars([100.0, 101.0, 102.0, 103.0, 104.0, 105.0])
    found = weigh(*windows(rows, [(0, 2), (2, 3), (4, 5)]), rows)
    assert found["average_uniqueness"].to_list() == pytest.approx([5 / 6, 3 / 4, 1.0], rel=1e-15)
    assert found["concurrency"].to_list() == pytest.approx([4 / 3, 3 / 2, 1.0])
    returns = np.diff(np.log([100.0, 101.0, 102.0, 103.0, 104.0, 105.0]))
    expected = [returns[0] + returns[1] / 2, returns[1] / 2 + returns[2], returns[3] + returns[4]]
    np.testing.assert_allclose(found["return_attribution"], expected, rtol=1e-12)


def test_an_open_window_overlaps(bars):
    rows = bars([100.0 + i for i in range(6)])
    alone = weigh(*windows(rows, [(0, 4)]), rows)
    beside = weigh(*windows(rows, [(0, 4), (3, None)]), rows)
    assert beside.height == 1
    assert alone["average_uniqueness"].to_list() == [1.0]
    assert beside["average_uniqueness"].to_list() == [4 / 5]
    # and ends without changing what was known
    assert_frame_equal(weigh(*windows(rows, [(0, 4), (3, 5)]), rows)[:1], beside, check_exact=True)


def test_no_weight_changes_with_what_follows_its_t1(bars, dim):
    close = 100.0 * np.exp(np.cumsum(np.random.default_rng(8).normal(0, 0.01, 600)))
    rows = bars(close.tolist())

    def chain(known):
        raised = events(
            information_bars=known,
            tickers_dim=dim,
            params=EventsParams(
                series={"future": {"time_1h": SeriesEvents(span=20, filters=(CusumParams(multiple=1.0),))}}
            ),
        )
        ended = triple_barrier(
            events=raised,
            information_bars=known,
            tickers_dim=dim,
            params=TripleBarrierParams(series={"future": {"time_1h": BarrierParams(pt=4, sl=4, max_bars=30)}}),
        )
        return weigh(raised, ended, known)

    whole = chain(rows)
    for n in (200, 333, 471):
        head = chain(rows[:n])
        assert head.height > 20
        assert_frame_equal(whole.filter(pl.col("t1") <= rows["ts_close"][n - 1]), head, check_exact=True)


def test_empty_in_empty_out(bars):
    rows = bars([100.0])
    raised, ended = windows(rows, [])
    assert weigh(raised, ended, rows[:0]).is_empty()
