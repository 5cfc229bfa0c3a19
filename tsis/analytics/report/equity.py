"""Chart: equity and drawdown of a strategy, by session."""

from __future__ import annotations

import html

import polars as pl

from tsis.analytics.report.figure import Figure, Json, axis, layout, numbers, thinned, times, title

_COLOURS = ("@blue", "@orange", "@violet", "@gain", "@loss")
_N_DAYS = 2_000


def equity_figure(name: str, strategy: str, pnl: pl.DataFrame) -> Figure:
    """Return equity (quote) over drawdown (%) of the strategy's sessions, at most five, the newest of them.

    Drawdown is equity over its highest value so far, the start of the first day included, minus one.
    """
    ended = pnl.group_by("session_id").agg(pl.col("date").max()).sort("date", "session_id")
    sessions = sorted(ended["session_id"].tail(len(_COLOURS)).to_list())
    traces: list[Json] = []
    n_days, n_shown = 0, 0
    for session, colour in zip(sessions, _COLOURS, strict=False):
        rows = pnl.filter(pl.col("session_id") == session).sort("date")
        start = rows["equity"][0] - rows["pnl"][0]
        peak = pl.max_horizontal(pl.col("equity").cum_max(), pl.lit(start))
        rows = rows.with_columns((100.0 * (pl.col("equity") / peak - 1.0)).alias("drawdown_pct"))
        shown = thinned(rows, "equity", _N_DAYS // len(sessions))
        n_days, n_shown = n_days + rows.height, n_shown + shown.height
        shared = {
            "type": "scatter",
            "mode": "lines",
            "x": times(shown["date"]),
            "name": html.escape(session),
            "legendgroup": f"session {sessions.index(session)}",
        }
        traces.append(
            shared
            | {
                "y": numbers(shown["equity"]),
                "line": {"color": colour, "width": 1.6},
                "hovertemplate": "%{x|%Y-%m-%d}<br>equity %{y:,.2f} quote<extra></extra>",
            }
        )
        traces.append(
            shared
            | {
                "y": numbers(shown["drawdown_pct"]),
                "yaxis": "y2",
                "line": {"color": colour, "width": 1},
                "fill": "tozeroy",
                "fillcolor": "@shade",
                "showlegend": False,
                "hovertemplate": "%{x|%Y-%m-%d}<br>drawdown %{y:.2f} %<extra></extra>",
            }
        )
    caption = f"End of each day, {n_days:,} days; costs included. Drawdown from the highest equity so far."
    if n_shown < n_days:
        caption += f" Thinned for display to {n_shown:,} points that keep the extremes."
    if ended.height > len(sessions):
        caption += f" The newest {len(sessions)} of {ended.height} sessions."
    return Figure(
        name=name,
        label=f"Equity and drawdown of {strategy}",
        caption=caption,
        traces=traces,
        layout=layout(
            xaxis=axis(type="date", anchor="y2", showgrid=False),
            yaxis=axis(domain=[0.38, 1], title="Equity, quote", tickformat=",.6~g"),
            yaxis2=axis(domain=[0, 0.28], title="Drawdown, %", rangemode="tozero"),
            annotations=[title("Equity and drawdown", 0, 1.09)],
            margin={"l": 64, "r": 16, "t": 56, "b": 32},
        ),
        height_px=380,
    )
