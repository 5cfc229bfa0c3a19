"""Parameters: what changes a research number."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from tsis.core.errors import UnknownNameError


class Params(BaseModel):
    """Base of every stage's parameters: frozen, and unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def digest(self) -> str:
        """Return the SHA-256 of the canonical JSON, so that equal parameters have equal digests."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def wrong_fields(error: ValidationError, model: type[BaseModel]) -> str:
    """Return which fields are wrong and why, on one line: the value, or the nearest field that `model` knows."""
    return "; ".join(_wrong(item, model) for item in error.errors())


def _wrong(item: Any, model: type[BaseModel]) -> str:
    where = ".".join(str(part) for part in item["loc"] if part != "[key]")
    if item["type"] == "value_error" and not where:
        return str(item["ctx"]["error"])
    if item["type"] == "extra_forbidden":
        return f"{where}: {UnknownNameError('field', str(item['loc'][-1]), _fields(model))}"
    if item["type"] == "missing":
        return f"{where}: is missing"
    if item["type"] == "value_error":
        return f"{where}: {item['ctx']['error']}"
    return f"{where}: {item['msg']} (is {item['input']!r})"


def _fields(model: type[BaseModel]) -> set[str]:
    """Return the names of all fields of a model and of the models within it."""
    schema = model.model_json_schema()
    return {name for part in (schema, *schema.get("$defs", {}).values()) for name in part.get("properties", {})}
