"""Chart: what mattered to a model."""

from __future__ import annotations

import polars as pl

from tsis.analytics.report.figure import Figure, axis, layout, numbers, texts, title

_N_FEATURES = 15


def importance_figure(name: str, model: str, importance: pl.DataFrame) -> Figure:
    """Return the share of each feature as a bar with its standard deviation over the folds, the largest on top."""
    ordered = importance.sort(["importance", "feature"], descending=[True, False])
    shown = ordered.head(_N_FEATURES).reverse()
    longest = max(*(shown["importance"] + shown["std"]), 0.01)
    caption = (
        "Mean decrease of impurity: share of the total gain, mean over the folds; whisker: one standard deviation."
    )
    if ordered.height > shown.height:
        caption += f" The {shown.height} largest of {ordered.height} features."
    trace = {
        "type": "bar",
        "orientation": "h",
        "x": numbers(100.0 * shown["importance"]),
        "y": texts(shown["feature"]),
        "error_x": {
            "type": "data",
            "array": numbers(100.0 * shown["std"]),
            "color": "@muted",
            "thickness": 1,
            "width": 3,
        },
        "marker": {"color": "@blue"},
        "hovertemplate": "%{y}<br>%{x:.1f} % ± %{error_x.array:.1f} of the total gain<extra></extra>",
    }
    return Figure(
        name=name,
        label=f"Feature importance of {model}",
        caption=caption,
        traces=[trace],
        layout=layout(
            xaxis=axis(title="Share of the total gain, %", range=[0, 105.0 * longest]),
            yaxis=axis(type="category", showgrid=False, ticks="", dtick=1),
            annotations=[title("Feature importance", 0, 1.02)],
            bargap=0.35,
            showlegend=False,
        ),
        height_px=max(260, 110 + 22 * shown.height),
    )
