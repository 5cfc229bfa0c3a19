"""Chart: how a model did on each fold that it had not seen."""

from __future__ import annotations

import math

import polars as pl

from tsis.analytics.report.figure import Figure, Json, axis, layout, numbers, title

_SPLITS = (("cv", "purged k-fold", "@violet"), ("walk_forward", "walk-forward", "@blue"))


def fold_scores_figure(name: str, model: str, model_stats: pl.DataFrame) -> Figure:
    """Return AUC and log loss (nats) by fold and split, beside what a model without skill would score.

    Without skill: AUC 0.5; log loss the entropy of the fold's own base rate.
    """
    present = [kind for kind in _SPLITS if kind[0] in set(model_stats["split"])]
    traces: list[Json] = []
    axes: dict[str, Json] = {}
    annotations: list[Json] = []
    left = 0.0
    n_folds = [model_stats.filter(pl.col("split") == split).height for split, _, _ in present]
    shares = [max(0.3, n / sum(n_folds)) for n in n_folds]
    widths = [(1.0 - 0.08 * (len(present) - 1)) * share / sum(shares) for share in shares]
    for column, ((split, words, colour), width) in enumerate(zip(present, widths, strict=True)):
        folds = model_stats.filter(pl.col("split") == split).sort("fold")
        for row, (score, unit) in enumerate((("auc", ""), ("log_loss", " nats"))):
            number = 2 * column + row + 1
            suffix = "" if number == 1 else str(number)
            traces += _panel(folds, score, unit, words, colour, suffix)
            shared = {} if column == 0 else {"matches": "y" if row == 0 else "y2", "showticklabels": False}
            heading = ("AUC" if row == 0 else "Log loss, nats") if column == 0 else ""
            domain = [0.56, 1] if row == 0 else [0, 0.44]
            axes[f"xaxis{suffix}"] = axis(
                domain=[left, left + width], anchor=f"y{suffix}", tickformat="d", showgrid=False, nticks=8,
                title="fold" if row else "", dtick=1 if folds.height <= 10 else None,
            )  # fmt: skip
            axes[f"yaxis{suffix}"] = axis(domain=domain, anchor=f"x{suffix}", title=heading, **shared)
        annotations.append(title(words.capitalize(), left, 1.02))
        left += width + 0.08
    return Figure(
        name=name,
        label=f"Scores by fold of {model}",
        caption="Dots: rows that the model had not seen. Dashes: a model without skill (AUC 0.5; log loss = entropy of "
        "the fold’s base rate). Above the dashes is better for AUC, below for log loss.",
        traces=traces,
        layout=layout(**axes, annotations=annotations, showlegend=False),
        height_px=380,
    )


def _panel(folds: pl.DataFrame, score: str, unit: str, words: str, colour: str, suffix: str) -> list[Json]:
    unskilled = [0.5 if score == "auc" else _entropy_nats(base) for base in folds["base_rate_frac"]]
    place = {"type": "scatter", "xaxis": f"x{suffix}", "yaxis": f"y{suffix}", "x": numbers(folds["fold"])}
    rows = folds.select("n_train", "n_test", "base_rate_frac").rows()
    return [
        place
        | {
            "mode": "lines",
            "line": {"color": "@muted", "width": 1.2, "dash": "dash"},
            "y": numbers(pl.Series(unskilled)),
            "hovertemplate": f"without skill %{{y:.4f}}{unit}<extra></extra>",
        },
        place
        | {
            "mode": "lines+markers",
            "line": {"color": colour, "width": 1.2},
            "marker": {"color": colour, "size": 7},
            "y": numbers(folds[score]),
            "customdata": [[n_train, n_test, 100.0 * base] for n_train, n_test, base in rows],
            "hovertemplate": f"{words}, fold %{{x}}<br>{'AUC' if score == 'auc' else 'log loss'} %{{y:.4f}}{unit}<br>"
            "%{customdata[0]:,} rows trained, %{customdata[1]:,} tested<br>"
            "base rate %{customdata[2]:.1f} %<extra></extra>",
        },
    ]


def _entropy_nats(base_rate: float) -> float:
    return -math.fsum(p * math.log(p) for p in (base_rate, 1.0 - base_rate) if p > 0.0)
