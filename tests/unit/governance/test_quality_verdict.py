"""Great Expectations judges what was measured: by table, with severity, the worst first."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import warnings

import numpy as np
import polars as pl
import pytest

from tsis.core.errors import GateError, UsageError
from tsis.governance.quality.check import MEASURED, Candidate, Check, Limits
from tsis.governance.quality.verdict import verdicts


def no_rows(candidate: Candidate) -> pl.LazyFrame:
    return candidate.rows


def check(**limits: Limits) -> Check:
    return Check("sizes", "Sizes.", "units", lambda _: True, no_rows, **limits)


def judged(values: list[tuple[str, str | None, float]], **limits: Limits):
    rows = [(table, ticker, None, None, value) for table, ticker, value in values]
    frame = pl.DataFrame(rows, schema=MEASURED, orient="row")
    versions = {"raw.trades": "a" * 64, "raw.quotes": "b" * 64}
    return {(found.judged_table, found.severity): found for found in verdicts([(check(**limits), versions, frame)])}


def test_each_table_has_its_own_verdict() -> None:
    found = judged(
        [("raw.trades", "A", 5.0), ("raw.trades", "B", 9.0), ("raw.trades", "C", 7.0), ("raw.quotes", "A", 1.0)],
        error=Limits("why", at_most=8.0),
        warning=Limits("why", at_least=1.0, at_most=6.0),
    )
    assert len(found) == 4
    error, warning = found["raw.trades", "error"], found["raw.trades", "warning"]
    assert (error.n_measured, error.n_failed, error.worst, error.blocks) == (3, 1, 9.0, True)
    assert (warning.n_failed, warning.blocks, warning.at_least, warning.at_most) == (2, False, 1.0, 6.0)
    assert json.loads(warning.examples) == [{"ticker": "B", "value": 9.0}, {"ticker": "C", "value": 7.0}]
    assert error.version == "a" * 64
    for severity in ("error", "warning"):
        passed = found["raw.quotes", severity]
        assert (passed.is_passed, passed.n_measured, passed.n_failed, passed.worst) == (True, 1, 0, 1.0)
        assert passed.examples == "[]"


def test_the_result_is_that_of_great_expectations() -> None:
    found = judged([("raw.trades", "A", 5.0), ("raw.trades", "B", 9.0)], error=Limits("why", at_most=8.0))
    result = json.loads(found["raw.trades", "error"].result)
    assert result["success"] is False
    assert result["expectation_config"]["type"] == "expect_column_values_to_be_between"
    assert result["expectation_config"]["severity"] == "critical"
    assert (result["result"]["element_count"], result["result"]["unexpected_count"]) == (2, 1)
    assert "unexpected_list" not in result["result"], "it may be long"


def test_limits_are_within() -> None:
    found = judged([("raw.trades", "A", 0.1), ("raw.trades", "B", 10.0)], error=Limits("why", at_least=0.1, at_most=10))
    assert found["raw.trades", "error"].is_passed


def test_nothing_measured_is_nothing_wrong() -> None:
    found = judged([], error=Limits("why", at_most=8.0))
    assert found["raw.trades", "error"].is_passed
    assert found["raw.trades", "error"].worst is None
    assert verdicts([]) == []


def test_many_values_are_counted_as_numpy_counts_them() -> None:
    values = np.random.default_rng(5).normal(size=3_000)
    found = judged(
        [("raw.trades", f"T{i}", float(v)) for i, v in enumerate(values)], warning=Limits("why", at_most=1.5)
    )
    warning = found["raw.trades", "warning"]
    assert warning.n_failed == int((values > 1.5).sum())
    assert warning.worst == values.max()
    assert [item["value"] for item in json.loads(warning.examples)] == sorted(values)[:-6:-1]


def test_what_cannot_be_judged_is_no_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    from great_expectations.execution_engine import PandasExecutionEngine

    def raises(*_: object, **__: object) -> None:
        raise RuntimeError("planted")

    monkeypatch.setattr(PandasExecutionEngine, "resolve_metrics", raises)
    with pytest.raises(GateError, match=r"check sizes: Great Expectations could not judge: .*not available"):
        judged([("raw.trades", "A", 5.0)], error=Limits("why", at_most=8.0))


def test_without_the_library_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("great_expectations")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Absent(), *sys.meta_path])
    with pytest.raises(UsageError, match=r"needs Great Expectations .* pip install 'tsis\[quality\]'"):
        judged([("raw.trades", "A", 5.0)], error=Limits("why", at_most=8.0))


class Absent:
    """Finds no Great Expectations."""

    def find_spec(self, name: str, *_: object) -> None:
        if name.partition(".")[0] == "great_expectations":
            raise ModuleNotFoundError(f"No module named {name!r}")


def test_it_is_quiet(capfd: pytest.CaptureFixture[str]) -> None:
    shown = warnings.showwarning
    judged([("raw.trades", "A", 5.0)], error=Limits("why", at_most=8.0))
    assert capfd.readouterr() == ("", "")
    assert warnings.showwarning is shown, "warnings go where they went before"
    assert not logging.root.handlers or all("great" not in repr(handler) for handler in logging.root.handlers)


@pytest.mark.parametrize("module", ["tsis.cli", "tsis.runtime.workspace", "tsis.runtime.gate", "tsis.cli.quality"])
def test_it_is_imported_where_it_judges_and_nowhere_else(module: str) -> None:
    code = f"import sys, {module}; print('great_expectations' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "False\n"
