"""Reads params.yaml: one section a stage."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from tsis.core.errors import ParamsError, UnknownNameError
from tsis.core.params import Params, wrong_fields
from tsis.core.stage import AnyStage


def read_params(path: Path, stages: Mapping[str, AnyStage]) -> dict[str, Params]:
    """Return the parameters of every stage; a stage without a section has its defaults.

    Raises
    ------
    ParamsError
        If the file is missing or malformed, or a field is unknown or out of range.
    UnknownNameError
        If a section is not a stage.
    """
    sections = _read_yaml(path)
    for name in sections:
        if name not in stages:
            raise UnknownNameError(f"section of {path.name}", name, stages)
    return {name: _validated(path, name, stage.params, sections.get(name)) for name, stage in stages.items()}


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ParamsError(f"{path} does not exist; set TSIS_PARAMS or run inside a clone of TSIS") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ParamsError(f"{path}, line {line}: not YAML: {error.problem}") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ParamsError(f"{path} must hold one section a stage, not a {type(content).__name__}")
    return content


def _validated(path: Path, name: str, model: type[Params], section: Any) -> Params:
    try:
        return model.model_validate({} if section is None else section)
    except ValidationError as error:
        raise ParamsError(f"{path.name}, section {name}: {wrong_fields(error, model)}") from error
