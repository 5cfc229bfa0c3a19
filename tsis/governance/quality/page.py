"""The quality page: one offline HTML file from the rows of governance.quality."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from tsis.analytics.report.markup import moment, number, table
from tsis.analytics.report.theme import STYLE
from tsis.governance.quality.check import Check

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
_N_RUNS = 20
_SECTIONS = (("errors", "Errors"), ("warnings", "Warnings"), ("checks", "All checks"), ("runs", "Last runs"))


def quality_page(quality: pl.DataFrame, checks: Sequence[Check], current: Mapping[str, str]) -> str:
    """Return the page: what failed with examples, every check with its limits, and the last runs.

    Parameters
    ----------
    quality : rows of governance.quality. Of each check and table the last verdict counts.
    checks : the checks as they are declared now; a verdict of one that is gone is not shown.
    current : version by table of the current snapshot, which tells whether what was judged was promoted.

    Notes
    -----
    Equal inputs give equal text. The page loads nothing and runs nothing. Times are UTC. Text from data is escaped.
    """
    known = {check.name: check for check in checks}
    latest = (
        quality.filter(pl.col("check_name").is_in(list(known)))
        .sort("judged_at", "run_id")
        .unique(["check_name", "judged_table", "severity"], keep="last", maintain_order=True)
        .sort("check_name", "judged_table", "severity")
    )
    body = {
        "errors": _failures(latest, "error", known, current),
        "warnings": _failures(latest, "warning", known, current),
        "checks": _all(latest, checks),
        "runs": _runs(quality),
    }
    sections = "".join(f'<section id="{name}"><h2>{words}</h2>{body[name]}</section>' for name, words in _SECTIONS)
    links = "".join(f'<a href="#{name}">{words}</a>' for name, words in _SECTIONS)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>TSIS data quality</title><link rel="icon" href="data:,"><style>{STYLE}</style></head><body>'
        f'{_header(latest, quality, current)}<nav aria-label="Sections">{links}</nav><main>{sections}</main>'
        "<footer>One self-contained page: it loads nothing and sends nothing. All times are UTC.</footer>"
        "</body></html>\n"
    )


def _header(latest: pl.DataFrame, quality: pl.DataFrame, current: Mapping[str, str]) -> str:
    if quality.is_empty():
        lead, facts = "Nothing has been judged yet: run <code>tsis quality</code>.", ""
    else:
        failed = latest.filter(~pl.col("is_passed"))
        is_promoted = [current.get(name) == version for name, version in failed["judged_table", "version"].iter_rows()]
        inside, outside = failed.filter(is_promoted), failed.filter([not promoted for promoted in is_promoted])
        lead = f"{_counted(inside)} in the current snapshot."
        if outside.height:
            lead += f" {_counted(outside)} in versions that were not promoted, or replaced since."
        last = quality.sort("judged_at", "run_id").row(-1, named=True)
        facts = (
            f"{latest.height:,} verdicts on {latest['judged_table'].n_unique():,} tables, "
            f"{latest['n_measured'].sum():,} measured values. "
            f"Last judged {moment(last['judged_at'])} UTC, run <code>{html.escape(last['run_id'])}</code>."
        )
    return f'<header><h1>TSIS data quality</h1><p class="lead">{lead}</p><p class="facts">{facts}</p></header>'


def _counted(failed: pl.DataFrame) -> str:
    """Return ``2 errors, no warnings``."""
    counts = [(kind, failed.filter(pl.col("severity") == kind).height) for kind in ("error", "warning")]
    text = ", ".join(f"{n or 'no'} {kind}{'' if n == 1 else 's'}" for kind, n in counts)
    return text[0].upper() + text[1:]


def _failures(latest: pl.DataFrame, severity: str, known: Mapping[str, Check], current: Mapping[str, str]) -> str:
    failed = latest.filter(pl.col("severity") == severity, ~pl.col("is_passed"))
    if failed.is_empty():
        return f'<p class="empty">No {severity}s.</p>'
    return "".join(_failure(row, known[row["check_name"]], current) for row in failed.iter_rows(named=True))


def _failure(row: Mapping[str, Any], check: Check, current: Mapping[str, str]) -> str:
    limits = check.error if row["severity"] == "error" else check.warning
    reason = f" The limit: {limits.reason}." if limits else ""
    state = (
        "in the current snapshot"
        if current.get(row["judged_table"]) == row["version"]
        else "not promoted, or replaced since"
    )
    examples = [
        [str(item.get("ticker", "–")), str(item.get("bar_spec", "–")), str(item.get("at", "–")), _value(item["value"])]
        for item in json.loads(row["examples"])
    ]
    return (
        f"<h3>{html.escape(row['judged_table'])} <small>{html.escape(row['check_name'])}</small></h3>"
        f"<p>{html.escape(check.description + reason)}</p>"
        f'<p class="facts">{row["n_failed"]:,} of {row["n_measured"]:,} values beyond {html.escape(_limits(row))}; '
        f"version <code>{html.escape(row['version'][:12])}</code>, {state}; judged {moment(row['judged_at'])}</p>"
        + table(["Ticker", "Bars", "At", f"Value, {row['unit']}"], examples, n_text=3)
    )


def _all(latest: pl.DataFrame, checks: Sequence[Check]) -> str:
    if latest.is_empty():
        return '<p class="empty">No verdicts yet.</p>'
    rows = [
        [
            row["check_name"],
            row["judged_table"],
            row["severity"],
            "passed" if row["is_passed"] else "failed",
            f"{_limits(row)} {row['unit']}",
            number(row["n_measured"], 0),
            number(row["n_failed"], 0),
            _value(row["worst"]),
        ]
        for row in latest.iter_rows(named=True)
    ]
    explained = [
        [check.name, severity, check.description, limits.reason]
        for check in checks
        for severity, limits in check.limits.items()
    ]
    head = ["Check", "Table", "Severity", "Verdict", "Limits", "Measured", "Beyond", "Worst"]
    return (
        table(head, rows, n_text=5)
        + "<h3>What they measure</h3>"
        + table(["Check", "Severity", "Measures", "Why this limit"], explained, n_text=4)
    )


def _runs(quality: pl.DataFrame) -> str:
    if quality.is_empty():
        return '<p class="empty">No runs yet.</p>'
    is_failed = ~pl.col("is_passed")
    runs = (
        quality.group_by("run_id")
        .agg(
            judged_at=pl.col("judged_at").max(),
            tables=pl.col("judged_table").n_unique(),
            verdicts=pl.len(),
            errors=(is_failed & (pl.col("severity") == "error")).sum(),
            warnings=(is_failed & (pl.col("severity") == "warning")).sum(),
            failed=pl.col("check_name").filter(is_failed).unique().sort(),
        )
        .sort("judged_at", "run_id", descending=True)
    )
    rows = [
        [
            row["run_id"],
            moment(row["judged_at"]),
            _outcome(row),
            ", ".join(row["failed"]) or "–",
            *(number(row[name], 0) for name in ("tables", "verdicts", "errors", "warnings")),
        ]
        for row in runs.head(_N_RUNS).iter_rows(named=True)
    ]
    head = ["Run", "Judged (UTC)", "Outcome", "Failed checks", "Tables", "Verdicts", "Errors", "Warnings"]
    return table(head, rows, n_text=4) + (
        f'<p class="note">The last {_N_RUNS} of {runs.height:,} runs.</p>' if runs.height > _N_RUNS else ""
    )


def _outcome(run: Mapping[str, Any]) -> str:
    if str(run["run_id"]).startswith("judging:"):
        return "current snapshot judged"
    return "blocked" if run["errors"] else "promoted"


def _limits(row: Mapping[str, Any]) -> str:
    parts = [f"≥ {row['at_least']:g}"] if row["at_least"] is not None else []
    parts += [f"≤ {row['at_most']:g}"] if row["at_most"] is not None else []
    return ", ".join(parts)


def _value(value: float | None) -> str:
    return "–" if value is None else f"{value:,.4g}".replace("-", "−")
