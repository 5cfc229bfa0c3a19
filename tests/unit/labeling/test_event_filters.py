"""Every filter that discovery finds is a fold; each against a plain formula."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from pydantic import ValidationError

from tsis.core.table import spec
from tsis.kernels.z_score import initial_z_score, z_score
from tsis.labeling.events import EventsParams, SeriesEvents, directions, event_filters, events
from tsis.labeling.filters.cusum import CusumParams
from tsis.labeling.filters.structural_break import StructuralBreakParams
from tsis.labeling.filters.z_score import ZScoreParams
from tsis.tables.labeling.events import Events

SETTINGS = {
    "cusum": [{"multiple": 1.5}, {"threshold_frac": 0.02}],
    "structural_break": [{"min_bars": 10, "max_bars": 40, "b_alpha": 1.0}],
    "z_score": [{"mean_window": 10, "std_window": 15, "threshold": 1.5}],
}
"""Parameters under which a filter fires often; a filter without any is tried with its defaults."""
CASES = [(kind, settings) for kind in event_filters() for settings in SETTINGS.get(kind, [{}])]


def prices(n=600, seed=3):
    """Log-normal steps; flat for a while, and with a jump."""
    steps = np.random.default_rng(seed).normal(0, 0.01, n)
    steps[200:230] = 0.0
    steps[400] = 0.3
    return 100.0 * np.exp(np.cumsum(steps))


def inputs_of(chosen, n=600):
    close = prices(n)
    spread = np.abs(np.random.default_rng(4).normal(0, 0.005, n)) * close
    target = np.full(n, 0.01)
    target[:20] = np.nan
    made = {"close": close, "open": close, "high": close + spread, "low": close - spread, "target": target}
    return np.vstack([made.get(name, np.ones(n)) for name in chosen.inputs])


@pytest.mark.parametrize(("kind", "settings"), CASES)
def test_a_filter_is_a_fold(kind, settings):
    chosen = event_filters()[kind]
    params = chosen.params(**settings)
    x = inputs_of(chosen)
    kept = x.copy()
    whole = chosen.run(x, params, chosen.initial_state(params))
    assert params.kind == kind == chosen.kind
    assert whole.dtype == np.int8
    assert set(whole.tolist()) <= {-1, 0, 1}
    assert np.count_nonzero(whole) > 5
    for cuts in ([], list(range(1, 600)), [7, 8, 100, 215, 401]):
        state, pieces = chosen.initial_state(params), []
        for piece in np.split(x, cuts, axis=1):
            state = np.frombuffer(state.tobytes()).copy()
            pieces.append(chosen.run(piece, params, state))
        np.testing.assert_array_equal(np.concatenate(pieces), whole)
    np.testing.assert_array_equal(x, kept)
    assert chosen.run(x[:, :0], params, chosen.initial_state(params)).size == 0
    assert chosen.description
    assert chosen.source


def z_of_pandas(close, mean_window, std_window):
    rolling = pd.Series(close).rolling
    return ((close - rolling(mean_window).mean()) / rolling(std_window).std()).to_numpy()


def z_of(close, mean_window, std_window):
    out = np.empty(close.size)
    z_score(close, mean_window, std_window, initial_z_score(mean_window, std_window), out)
    return out


@pytest.mark.parametrize("windows", [(10, 10), (7, 30), (30, 7), (2, 2)])
def test_the_z_score_is_that_of_plain_windows(windows):
    close = prices()
    found = z_of(close, *windows)
    n, m = windows
    for i in range(close.size):
        mean, std = close[max(i - n + 1, 0) : i + 1].mean(), close[max(i - m + 1, 0) : i + 1].std(ddof=1 if i else 0)
        if i < max(windows) - 1 or np.ptp(close[i - m + 1 : i + 1]) == 0:
            assert np.isnan(found[i])
        else:
            assert found[i] == pytest.approx((close[i] - mean) / std, rel=1e-9, abs=1e-9)


def test_upward_events_are_those_of_mlfinpy(bars, dim):
    # its filter takes close >= mean + z * std, on closes
    close = prices()
    expected = z_of_pandas(close, 10, 15) >= 1.5
    expected[200:260] = False  # where pandas' sums leave a spread of a flat stretch
    found = directions(
        pl.DataFrame({"close": close}), np.ones(600), ZScoreParams(mean_window=10, std_window=15, threshold=1.5)
    )
    up = found > 0
    up[200:260] = False
    np.testing.assert_array_equal(up, expected)
    assert expected.sum() > 20
    assert (found < 0).sum() > 20


def test_a_bad_print_and_a_missing_value_are_forgotten_when_they_leave():
    clean = prices()[:190]
    bad = clean.copy()
    bad[60] = 1e12
    np.testing.assert_allclose(z_of(bad, 20, 20)[80:], z_of(clean, 20, 20)[80:], rtol=1e-9)
    missing = clean.copy()
    missing[60] = np.nan
    assert np.isnan(z_of(missing, 20, 20)[60:80]).all()
    np.testing.assert_allclose(z_of(missing, 20, 20)[80:], z_of(clean, 20, 20)[80:], rtol=1e-9)


def test_a_structural_break_is_where_the_test_begins_to_reject():
    close = prices()
    y = np.log(close)
    expected, last = [], 0
    for t in range(close.size):
        window = y[max(t - 39, 0) : t + 1]
        now = 0
        if window.size >= 10 and np.ptp(window) > 0:
            ages = np.arange(1, window.size)
            s = (window[-1] - window[-1 - ages]) / np.sqrt(np.mean(np.diff(window) ** 2) * ages)
            level = np.sqrt(1.0 + np.log(ages))
            up, down = np.argmax(s), np.argmax(-s)
            now = 1 if s[up] > level[up] else -1 if -s[down] > level[down] else 0
        expected.append(now if now != last else 0)
        last = now
    params = StructuralBreakParams(min_bars=10, max_bars=40, b_alpha=1.0)
    found = directions(pl.DataFrame({"close": close}), np.ones(600), params)
    np.testing.assert_array_equal(found, expected)
    assert {-1, 1} <= set(expected)


def test_a_flat_price_raises_no_event():
    flat = pl.DataFrame({"close": np.full(100, 0.1)})
    assert not directions(flat, np.ones(100), ZScoreParams(mean_window=10, std_window=10, threshold=0.01)).any()
    assert not directions(flat, np.zeros(100), CusumParams(multiple=1.0)).any()


def test_rescaled_prices_raise_the_same_events():
    close, target = prices(), np.full(600, 0.01)
    for params in (CusumParams(threshold_frac=0.02), ZScoreParams(mean_window=10, std_window=10, threshold=1.7)):
        one, other = (directions(pl.DataFrame({"close": close * scale}), target, params) for scale in (1.0, 1024.0))
        np.testing.assert_array_equal(one, other)
        assert one.any()


def found_events(bars, dim, *filters, **params):
    chosen = SeriesEvents(span=20, filters=filters, **params)
    rows = events(information_bars=bars, tickers_dim=dim, params=EventsParams(series={"future": {"time_1h": chosen}}))
    return spec(Events).schema.validate(rows)


def test_several_filters_side_by_side(bars, dim):
    rows = bars(prices().tolist())
    cusum = CusumParams(multiple=1.5)
    z = ZScoreParams(mean_window=10, std_window=10, threshold=1.7, primary="reversal")
    of_cusum, of_z = found_events(rows, dim, cusum), found_events(rows, dim, z)
    both, turned = found_events(rows, dim, cusum, z), found_events(rows, dim, z, cusum)
    key = list(spec(Events).key)
    shared = of_cusum.join(of_z, on=key, how="semi")
    assert 0 < shared.height < min(of_cusum.height, of_z.height)
    assert not both.select(key).is_duplicated().any()
    assert_frame_equal(both, pl.concat([of_cusum, of_z.join(of_cusum, on=key, how="anti")]).sort(key))
    assert_frame_equal(turned, pl.concat([of_z, of_cusum.join(of_z, on=key, how="anti")]).sort(key))


def test_events_without_a_primary_side_have_none(bars, dim):
    rows = bars(prices().tolist())
    found = found_events(rows, dim, CusumParams(multiple=1.5, primary="none"))
    assert found.height > 20
    assert found["side"].null_count() == found.height


def test_the_fixed_threshold_is_the_constant_one(bars, dim):
    close = prices()
    returns = np.diff(np.log(close))
    up = down = 0.0
    expected = [0]
    for value in returns:
        up, down = max(0.0, up + value), min(0.0, down + value)
        fired = -1 if down < -0.02 else 1 if up > 0.02 else 0
        up, down = (0.0 if fired == 1 else up), (0.0 if fired == -1 else down)
        expected.append(fired)
    found = directions(pl.DataFrame({"close": close}), np.full(600, np.nan), CusumParams(threshold_frac=0.02))
    np.testing.assert_array_equal(found, expected)


def test_parameters_are_read_by_kind():
    given = {"span": 20, "filters": [{"kind": "cusum", "multiple": 2.0}, {"kind": "z_score", "threshold": 2.5}]}
    params = EventsParams.model_validate({"series": {"fx": {"time_1h": given}}})
    first, second = params.series["fx"]["time_1h"].filters
    assert (first, second) == (CusumParams(multiple=2.0), ZScoreParams(threshold=2.5))
    other = EventsParams.model_validate({"series": {"fx": {"time_1h": given | {"filters": given["filters"][::-1]}}}})
    third = {"series": {"fx": {"time_1h": given | {"filters": [{"kind": "cusum", "multiple": 3.0}]}}}}
    assert len({params.digest(), other.digest(), EventsParams.model_validate(third).digest()}) == 3


def test_wrong_parameters_are_named():
    with pytest.raises(ValidationError, match="unknown event filter 'cusom'; did you mean 'cusum'"):
        SeriesEvents.model_validate({"filters": [{"kind": "cusom"}]})
    for given in ({}, {"multiple": 1.0, "threshold_frac": 0.1}):
        with pytest.raises(ValidationError, match="one threshold"):
            CusumParams(**given)
    with pytest.raises(ValidationError, match="z_score: treshold: unknown field 'treshold'; did you mean 'threshold'"):
        SeriesEvents.model_validate({"filters": [{"kind": "z_score", "treshold": 3}]})
    with pytest.raises(ValidationError, match="filters"):
        SeriesEvents.model_validate({"filters": []})
