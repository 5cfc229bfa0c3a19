"""The verdicts in words and the figures of every strategy."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping
from typing import Any

import polars as pl

from tsis.analytics.report.figure import no_data
from tsis.analytics.report.markup import moment, number
from tsis.core.table import spec
from tsis.tables.analytics.strategy_stats import StrategyStats

_FIGURES: tuple[tuple[str, str, str, int, float], ...] = (
    # column, name, unit as shown, decimals, scale
    ("n_days", "Track record", "days", 0, 1),
    ("n_trades", "Closed trades", "count", 0, 1),
    ("total_return_frac", "Total return", "%", 2, 100),
    ("sharpe_annual", "Sharpe ratio", "a year", 2, 1),
    ("sortino_annual", "Sortino ratio", "a year", 2, 1),
    ("calmar", "Calmar ratio", "ratio", 2, 1),
    ("volatility_annual_frac", "Volatility", "% a year", 2, 100),
    ("psr_frac", "Probabilistic Sharpe ratio", "%", 1, 100),
    ("min_trl_days", "Minimum track record", "days", 0, 1),
    ("max_drawdown_frac", "Maximum drawdown", "%", 2, 100),
    ("longest_under_water_days", "Longest time under water", "days", 0, 1),
    ("var_95_frac", "Value at risk, 95 %", "% a day", 2, 100),
    ("cvar_95_frac", "Expected shortfall, 95 %", "% a day", 2, 100),
    ("profit_factor", "Profit factor", "ratio", 2, 1),
    ("win_rate_frac", "Win rate", "%", 1, 100),
    ("expectancy", "Expectancy of a trade", "quote", 2, 1),
    ("payoff_ratio", "Mean gain over mean loss", "ratio", 2, 1),
    ("exposure_frac", "Days in the market", "%", 1, 100),
    ("turnover_annual", "Turnover", "× equity a year", 1, 1),
    ("capacity", "Capacity, an upper bound", "quote", 0, 1),
    ("skew", "Skewness of daily returns", "ratio", 2, 1),
    ("kurtosis", "Kurtosis of daily returns", "3 = normal", 2, 1),
)
_NOTE = (
    "A strategy shows an edge where its deflated Sharpe ratio (DSR) is at least 98 %: the Sharpe ratio held against "
    "every trial that was run through TSIS. Functions called directly, as in a notebook, are not counted: if that is "
    "how a strategy was searched for, its true DSR is lower."
)


def latest_verdicts(verdicts: pl.DataFrame) -> dict[str, dict[str, Any]]:
    """Return the last judgement of each strategy by its name."""
    ordered = verdicts.sort("judged_at", "run_id")
    return {str(row["strategy_id"]): row for row in ordered.iter_rows(named=True)}


def verdict_cards(strategies: list[str], verdicts: Mapping[str, Mapping[str, Any]], stats: pl.DataFrame) -> str:
    """Return one card a strategy: what may be believed of it, in words."""
    if not strategies:
        return no_data("Verdicts")
    days = {str(row["strategy_id"]): int(row["n_days"]) for row in stats.sort("session_id").iter_rows(named=True)}
    cards = "".join(_card(name, verdicts.get(name), days.get(name)) for name in strategies)
    return f'<div class="cards">{cards}</div><p class="note">{html.escape(_NOTE)}</p>'


def _card(name: str, verdict: Mapping[str, Any] | None, n_days: int | None) -> str:
    if verdict is None:
        kind, badge, words, facts = "open", "Not judged yet", "no data yet: run tsis run", ""
    else:
        is_shown = bool(verdict["is_edge_shown"])
        kind, badge = ("shown", "Edge shown") if is_shown else ("none", "No edge shown")
        words = str(verdict["verdict"])
        dsr, n_trials = verdict["dsr_frac"], int(verdict["n_trials"])
        believed = "DSR undefined" if dsr is None else f"DSR {number(dsr, 1, 100)} %"
        facts = (
            f"{believed}, {n_trials:,} trial{'' if n_trials == 1 else 's'} held against it; "
            f"judged {moment(verdict['judged_at'])} UTC"
        )
        facts = f'<p class="facts">{html.escape(facts)}</p>' + _track_record(n_days, verdict["min_trl_days"])
    return (
        f'<article class="card {kind}"><p class="badge">{badge}</p><h3>{html.escape(name)}</h3>'
        f'<p class="verdict">{html.escape(words)}</p>{facts}</article>'
    )


def _track_record(n_days: int | None, needed_days: float | None) -> str:
    if n_days is None or needed_days is None or not needed_days > 0:
        return ""
    share = min(1.0, n_days / needed_days)
    words = (
        f"Track record {number(n_days, 0)} of the {number(math.ceil(needed_days), 0)} days that 98 % confidence needs"
    )
    return f'<div class="meter"><span style="width:{share:.1%}"></span></div><p class="facts">{html.escape(words)}</p>'


def strategy_table(stats: pl.DataFrame, verdicts: Mapping[str, Mapping[str, Any]], fills: pl.DataFrame) -> str:
    """Return the figures of all strategies side by side, each with its unit and what it means (as a tooltip)."""
    if stats.is_empty():
        return no_data("Figures")
    described = spec(StrategyStats).columns
    columns = stats.sort("strategy_id", "session_id").rows(named=True)
    lines = [
        (
            label,
            unit,
            str(described[name].description),
            [number(_whole_days(name, row[name]), decimals, scale) for row in columns],
        )
        for name, label, unit, decimals, scale in _FIGURES
    ]
    judged = [verdicts.get(str(row["strategy_id"]), {}) for row in columns]
    lines[8:8] = [
        (
            "Deflated Sharpe ratio",
            "%",
            "Probability that the true Sharpe is above what the best of so many trials would show by luck",
            [number(row.get("dsr_frac"), 1, 100) for row in judged],
        )
    ]
    lines += _costs([str(row["session_id"]) for row in columns], fills)
    head = "".join(
        f'<th scope="col" class="figure">{html.escape(str(row["strategy_id"]))}'
        f"<small>{html.escape(str(row['origin']))}</small></th>"
        for row in columns
    )
    body = "".join(
        f'<tr><th scope="row" class="text" title="{html.escape(meaning)}">{html.escape(label)}</th>'
        f'<td class="unit">{html.escape(unit)}</td>'
        + "".join(f'<td class="figure">{html.escape(cell)}</td>' for cell in cells)
        + "</tr>"
        for label, unit, meaning, cells in lines
    )
    return (
        f'<div class="scroll"><table class="figures"><thead><tr><th scope="col" class="text">Figure</th>'
        f'<th scope="col" class="unit">Unit</th>{head}</tr></thead><tbody>{body}</tbody></table></div>'
        '<p class="note">Rest the pointer on a figure’s name to read its definition. “–” means undefined.</p>'
    )


def _whole_days(name: str, value: float | None) -> float | None:
    return math.ceil(value) if name == "min_trl_days" and value is not None else value


def _costs(sessions: list[str], fills: pl.DataFrame) -> list[tuple[str, str, str, list[str]]]:
    if fills.is_empty():
        return []
    by_session = {
        session: fills.filter(pl.col("session_id") == session).sort("fill_id").select("fee", "slippage_bps")
        for session in sessions
    }
    found = [by_session[session] for session in sessions]
    slippage = [math.fsum(rows["slippage_bps"]) / rows.height if rows.height else None for rows in found]
    return [
        ("Fills", "count", "Executions of the session", [number(rows.height, 0) for rows in found]),
        ("Commission", "quote", "Sum of all fees", [number(math.fsum(rows["fee"]), 2) for rows in found]),
        ("Mean slippage", "bps", "Cost of a fill against its reference price", [number(x, 2) for x in slippage]),
    ]
