"""What is wrong with params.yaml is said with its place, its value and the nearest name."""

from __future__ import annotations

import pytest

from tsis.core.errors import ParamsError, UnknownNameError
from tsis.runtime.dag import stages
from tsis.runtime.params import read_params


def refusal(tmp_path, text, error=ParamsError):
    path = tmp_path / "params.yaml"
    path.write_text(text)
    with pytest.raises(error) as raised:
        read_params(path, stages())
    return str(raised.value)


def test_an_unknown_field_has_its_place_and_the_nearest_name(tmp_path):
    text = "triple_barrier: {series: {equity: {time_1d: {pt: 1.0, max_bar: 5}}}}"
    found = refusal(tmp_path, text)
    assert "section triple_barrier" in found
    assert "series.equity.time_1d.max_bar: unknown field 'max_bar'; did you mean 'max_bars'?" in found


def test_a_value_out_of_range_is_shown(tmp_path):
    assert "rvol: Input should be greater than 0 (is -1)" in refusal(tmp_path, "daily_cache: {rvol: -1}")


def test_broken_yaml_has_its_line(tmp_path):
    assert "params.yaml, line 3: not YAML" in refusal(tmp_path, "daily_cache:\n  rvol: 1\n rvol: 2\n")


def test_an_unknown_section_has_the_nearest_name(tmp_path):
    assert "did you mean 'triple_barrier'?" in refusal(tmp_path, "tripple_barrier: {}", UnknownNameError)


def test_a_section_of_another_shape(tmp_path):
    assert "daily_cache" in refusal(tmp_path, "daily_cache: [1]")
    assert "one section a stage" in refusal(tmp_path, "[1]")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("entropy: {series: {future: {dollar_70m: {}}}}", "entropy: series.future.dollar_70m: unknown bar_spec"),
        ("events: {series: {forex: {time_1h: {}}}}", "events: series.forex: unknown asset class 'forex'"),
        ("features: {bar_specs: [dolar_70M]}", "features: bar_specs.0: unknown bar_spec 'dolar_70M'"),
        ("information_bars: {bars: {future: [rnage_2.5]}}", "information_bars: bars.future.0: unknown bar_spec"),
        ("triple_barrier: {series: {fx: {time_1h: {pt: 0, sl: 0, max_bars: null}}}}", "all barriers are off"),
        ("fixed_horizon: {series: {fx: {time_1h: {seconds: .inf}}}}", "fx.time_1h.seconds: Input should be less than"),
    ],
)
def test_a_series_that_can_not_be_is_refused_and_not_left_empty(tmp_path, text, what):
    assert what in refusal(tmp_path, text)


def test_a_bar_named_twice_is_refused(tmp_path):
    assert "tick_7 twice" in refusal(tmp_path, "information_bars: {bars: {equity: [tick_7, time_1m, tick_7]}}")
