"""Gradient-boosted trees of XGBoost, on the CPU or a GPU."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from tsis.core.errors import IntegrityError, ParamsError
from tsis.models.early_stopping import EarlyStoppingParams, best_round, purged_tail
from tsis.models.estimator import Estimator, EstimatorParams
from tsis.models.sample import Sample

Floats = npt.NDArray[np.float64]


class XgboostParams(EstimatorParams):
    """The trees. Small ones: financial labels are mostly noise, and a live prediction costs less.

    Parameters
    ----------
    n_rounds, max_depth, max_bin, learning_rate, subsample, colsample_bytree, min_child_weight, reg_lambda, seed : as
        XGBoost names them (n_rounds is ``num_boost_round``); weights are normalised to mean 1, so that
        min_child_weight = 5 asks for about 20 rows a leaf.
    device : ``cuda`` needs a GPU and the package xgboost in place of xgboost-cpu. It is part of the model's identity:
        the trees differ a little. Predictions are made on the CPU, whatever it was fitted on.
    early_stopping : chooses the number of rounds, up to n_rounds, on a purged validation tail of the training rows; the
        model is then fitted on all of them. None has n_rounds.
    """

    kind: Literal["xgboost"] = "xgboost"
    n_rounds: int = Field(default=60, ge=1)
    max_depth: int = Field(default=3, ge=1)
    max_bin: int = Field(default=64, ge=2)
    learning_rate: float = Field(default=0.05, gt=0, le=1)
    subsample: float = Field(default=0.8, gt=0, le=1)
    colsample_bytree: float = Field(default=0.8, gt=0, le=1)
    min_child_weight: float = Field(default=5.0, ge=0)
    reg_lambda: float = Field(default=1.0, ge=0)
    device: Literal["cpu", "cuda"] = "cpu"
    early_stopping: EarlyStoppingParams | None = None


@dataclass(frozen=True, eq=False)
class BoosterLearner:
    """A fitted booster."""

    booster: Any
    settings: Mapping[str, Any]
    importance: Floats | None = None

    def probability(self, x: Floats) -> Floats:
        """Return the (n,) probability of label 1, of float32 precision."""
        found: Floats = self._predicted(x).astype(np.float64)
        return found

    def contributions(self, x: Floats) -> tuple[Floats, Floats]:
        """Return the margins (n,) and what features and bias add to them (n, k + 1), in log-odds: exact TreeSHAP."""
        margin, parts = self._predicted(x, output_margin=True), self._predicted(x, pred_contribs=True)
        return margin.astype(np.float64), parts.astype(np.float64)

    def dump(self, attributes: Mapping[str, str]) -> bytes:
        """Return UBJSON with the attributes of the booster."""
        self.booster.set_attr(**attributes)
        return bytes(self.booster.save_raw("ubj"))

    def _predicted(self, x: Floats, **how: bool) -> Any:
        import xgboost  # noqa: PLC0415  slow import

        return self.booster.predict(xgboost.DMatrix(x, nthread=1), validate_features=False, **how)


def _fit(sample: Sample, params: XgboostParams) -> BoosterLearner:
    _require_device(params.device)
    n_rounds = params.n_rounds
    if params.early_stopping is not None:
        head, tail = purged_tail(sample, params.early_stopping)
        settings = _settings(head, params)
        losses: dict[str, dict[str, list[float]]] = {}
        _trained(head, settings | {"eval_metric": "logloss"}, params, n_rounds, tail, losses)
        n_rounds = best_round(np.array(losses["tail"]["logloss"]))
    settings = _settings(sample, params)
    booster = _trained(sample, settings, params, n_rounds)
    gain = booster.get_score(importance_type="total_gain")
    gains = np.array([float(gain.get(name, 0.0)) for name in sample.features])
    total = math.fsum(gains)
    told: dict[str, Any] = {"n_rounds": n_rounds}
    if params.early_stopping is not None:
        told |= {"early_stopping": params.early_stopping.model_dump()}
    return BoosterLearner(booster, settings | told, gains / total if total > 0 else gains)


def _settings(sample: Sample, params: XgboostParams) -> dict[str, Any]:
    # the weighted share of label 1, summed exactly, so that no number of threads changes a bit
    prior = math.fsum(sample.relative_weight() * sample.label) / sample.n
    return {
        "objective": "binary:logistic",
        "tree_method": "hist",
        "base_score": min(max(prior, 0.01), 0.99),
        **params.model_dump(exclude={"kind", "n_rounds", "n_threads", "early_stopping"}),
    }


def _trained(
    sample: Sample,
    settings: dict[str, Any],
    params: XgboostParams,
    n_rounds: int,
    tail: Sample | None = None,
    losses: dict[str, dict[str, list[float]]] | None = None,
) -> Any:
    import xgboost  # noqa: PLC0415  slow import

    def matrix(rows: Sample) -> Any:
        # without names, which each round would check; the booster gets them afterwards, to the same bytes
        return xgboost.DMatrix(rows.x, label=rows.label, weight=rows.relative_weight(), nthread=params.n_threads)

    everything = settings | {"nthread": params.n_threads, "verbosity": 0}
    train = matrix(sample)
    if tail is None or params.early_stopping is None:
        # the loop of xgboost.train without its callbacks
        booster = xgboost.Booster(everything, [train])
        for number in range(n_rounds):
            booster.update(train, number)
    else:
        booster = xgboost.train(
            everything,
            train,
            n_rounds,
            evals=[(matrix(tail), "tail")],
            early_stopping_rounds=params.early_stopping.patience_rounds,
            evals_result=losses,
            verbose_eval=False,
        )
    booster.feature_names = list(sample.features)
    if params.device == "cuda":
        _require_no_fallback(booster)
        booster.set_param({"device": "cpu"})  # it predicts where it will be read: anywhere, to the same bits
    return booster


def _require_device(device: str) -> None:
    import xgboost  # noqa: PLC0415  slow import

    if device == "cuda" and not xgboost.build_info().get("USE_CUDA"):
        raise ParamsError(
            "xgboost: device cuda, but this XGBoost was built without it: install xgboost in place of xgboost-cpu, or "
            "set device: cpu"
        )


def _require_no_fallback(booster: Any) -> None:
    """XGBoost turns to the CPU without a word where it finds no GPU; the model would be another one."""
    used = json.loads(booster.save_config())["learner"]["generic_param"]["device"]
    if not used.startswith("cuda"):
        raise ParamsError(f"xgboost: device cuda, but XGBoost found no GPU and took {used}; set device: cpu")


def _load(artifact: bytes) -> tuple[BoosterLearner, dict[str, str]]:
    import xgboost  # noqa: PLC0415  slow import

    if not (artifact.startswith(b"{L") and artifact.endswith(b"}")):
        # of a file that was cut XGBoost makes an end of the process
        raise IntegrityError("model artefact: not XGBoost's UBJSON, or cut")
    try:
        booster = xgboost.Booster(model_file=bytearray(artifact))
    except xgboost.core.XGBoostError as error:
        raise IntegrityError(
            f"model artefact: not readable by XGBoost ({str(error).strip().splitlines()[-1]})"
        ) from error
    return BoosterLearner(booster, {}), booster.attributes()


XGBOOST = Estimator(
    kind="xgboost",
    description="Gradient-boosted trees on histograms, with a penalty on leaves",
    source="Chen and Guestrin (2016); the package xgboost",
    missing="each split learns a direction for missing values",
    params=XgboostParams,
    fit=_fit,
    load=_load,
)
"""Equal bytes for any number of threads: a histogram is summed in blocks of rows that it has no say in."""
