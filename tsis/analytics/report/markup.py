"""Tables and numbers as HTML; every text is escaped here."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from datetime import datetime

_N_ROWS = 200
_N_LINE = 40


def table(head: Sequence[str], rows: Sequence[Sequence[str]], n_text: int = 1) -> str:
    """Return an HTML table of plain texts; the first `n_text` columns are text, the others figures set to the right.

    It ends after 200 rows and says how many more there are.
    """
    kinds = ["text" if number < n_text else "figure" for number in range(len(head))]
    top = "".join(
        f'<th scope="col" class="{kind}">{html.escape(cell)}</th>' for kind, cell in zip(kinds, head, strict=True)
    )
    body = "".join(
        "<tr>"
        + "".join(
            f'<td class="{kind}{" long" if len(cell) > _N_LINE else ""}">{html.escape(cell)}</td>'
            for kind, cell in zip(kinds, row, strict=True)
        )
        + "</tr>"
        for row in rows[:_N_ROWS]
    )
    more = f'<p class="note">The first {_N_ROWS} of {len(rows):,} rows.</p>' if len(rows) > _N_ROWS else ""
    return f'<div class="scroll"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>{more}'


def number(value: float | None, decimals: int = 2, scale: float = 1.0) -> str:
    """Return ``1,234.50`` with a true minus sign; a dash where there is no number."""
    if value is None or math.isnan(value):
        return "–"
    text = f"{value * scale:,.{decimals}f}"
    is_zero = not any(digit in text for digit in "123456789")
    return text.replace("-", "" if is_zero else "−")


def moment(value: datetime | None) -> str:
    """Return ``2013-09-03 14:30`` (UTC by contract); a dash where there is none."""
    return "–" if value is None else f"{value:%Y-%m-%d %H:%M}"
