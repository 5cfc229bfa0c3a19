"""Great Expectations judges measured values. It takes seconds to import, so nothing else imports it."""

from __future__ import annotations

import json
import logging
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from tsis.core.errors import GateError, UsageError
from tsis.governance.quality.check import Check, Limits, Severity

_N_EXAMPLES = 5
_LISTS = ("unexpected_list", "unexpected_index_list", "unexpected_index_query", "partial_unexpected_index_list")


@dataclass(frozen=True)
class Verdict:
    """What one check says of one table; the fields are those of governance.quality."""

    check_name: str
    judged_table: str
    severity: Severity
    is_passed: bool
    unit: str
    at_least: float | None
    at_most: float | None
    n_measured: int
    n_failed: int
    worst: float | None
    examples: str
    version: str
    result: str

    @property
    def blocks(self) -> bool:
        """Tell whether the snapshot must not be promoted."""
        return self.severity == "error" and not self.is_passed


def verdicts(measured: Sequence[tuple[Check, Mapping[str, str], pl.DataFrame]]) -> list[Verdict]:
    """Return a verdict for each check, severity and table.

    Parameters
    ----------
    measured : the check, version by table that it judged, and the measured values of all of these tables.

    Raises
    ------
    GateError
        If Great Expectations can't judge.
    UsageError
        If it is not installed.
    """
    if not measured:
        return []
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")  # it is to tell nobody
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            import great_expectations as gx  # noqa: PLC0415
            from great_expectations.data_context.types.base import ProgressBarsConfig  # noqa: PLC0415
            from great_expectations.expectations import ExpectColumnValuesToBeBetween  # noqa: PLC0415

            logging.captureWarnings(capture=False)  # the import turns it on
    except ModuleNotFoundError as error:
        raise UsageError(
            f"the quality gate needs Great Expectations ({error}): pip install 'tsis[quality]', or run without --gate"
        ) from error
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    source = context.data_sources.add_pandas("measured")
    found: list[Verdict] = []
    for check, versions, values in measured:
        batch = (
            source.add_dataframe_asset(check.name)
            .add_batch_definition_whole_dataframe(check.name)
            .get_batch({"dataframe": values.select("value").to_pandas()})
        )
        for severity, limits in check.limits.items():
            expectation = ExpectColumnValuesToBeBetween(
                column="value",
                min_value=limits.at_least,
                max_value=limits.at_most,
                severity="critical" if severity == "error" else severity,
            )
            result = batch.validate(expectation, result_format="COMPLETE").to_json_dict()
            found += _by_table(check, severity, limits, versions, values, result)
    return found


def _by_table(
    check: Check,
    severity: Severity,
    limits: Limits,
    versions: Mapping[str, str],
    values: pl.DataFrame,
    result: dict[str, Any],
) -> list[Verdict]:
    """Return one verdict a table of what Great Expectations says of the values of all."""
    detail = result.get("result") or {}
    if "unexpected_index_list" not in detail:
        raise GateError(f"check {check.name}: Great Expectations could not judge: {_reason(result)}")
    failed = values[detail["unexpected_index_list"] or []]
    kept = {name: value for name, value in detail.items() if name not in _LISTS}
    text = json.dumps({**result, "result": kept, "meta": {}}, sort_keys=True)
    return [
        Verdict(
            check_name=check.name,
            judged_table=table,
            severity=severity,
            is_passed=failed_here.is_empty(),
            unit=check.unit,
            at_least=limits.at_least,
            at_most=limits.at_most,
            n_measured=here.height,
            n_failed=failed_here.height,
            worst=here["value"][0] if here.height else None,
            examples=_examples(failed_here),
            version=version,
            result=text,
        )
        for table, version in versions.items()
        for here, failed_here in [(_worst_first(values, table, limits), _worst_first(failed, table, limits))]
    ]


def _worst_first(values: pl.DataFrame, table: str, limits: Limits) -> pl.DataFrame:
    """Return the values of a table, the farthest beyond a limit first."""
    beyond = [pl.col("value") - limits.at_most] if limits.at_most is not None else []
    beyond += [limits.at_least - pl.col("value")] if limits.at_least is not None else []
    return values.filter(pl.col("judged_table") == table).sort(
        pl.max_horizontal(beyond), "ticker", "bar_spec", "at", descending=[True, False, False, False]
    )


def _examples(failed: pl.DataFrame) -> str:
    rows = failed.head(_N_EXAMPLES).drop("judged_table").to_dicts()
    return json.dumps([{name: value for name, value in row.items() if value is not None} for row in rows])


def _reason(result: Mapping[str, Any]) -> str:
    raised = result.get("exception_info") or {}
    nested = [raised, *(part for part in raised.values() if isinstance(part, dict))]
    return next((str(part["exception_message"]) for part in nested if part.get("exception_message")), "no reason given")
