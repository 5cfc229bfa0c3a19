"""What changes where and how TSIS runs, from ``TSIS_*`` environment variables; nothing here changes a number."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from tsis.core.errors import ParamsError

REPOSITORY = Path(__file__).resolve().parents[2]


class Settings(BaseSettings):
    """Where things lie and how many threads to use.

    ``TSIS_LAKE`` (default: ``lake`` of the clone), ``TSIS_PARAMS`` (``params.yaml`` of the clone), ``TSIS_WAREHOUSE``
    (``warehouse`` of the clone), ``TSIS_THREADS`` (all cores), ``TSIS_LOCK_WAIT_S`` (60),
    ``TSIS_LIVE_MAX_AGE_S`` (300: a live decision is held back where its bar closed longer ago).
    """

    model_config = SettingsConfigDict(env_prefix="TSIS_", extra="ignore", frozen=True)

    lake: Path = REPOSITORY / "lake"
    params: Path = REPOSITORY / "params.yaml"
    warehouse: Path = REPOSITORY / "warehouse"
    threads: int = Field(default_factory=lambda: os.cpu_count() or 1, ge=1)
    lock_wait_s: float = Field(default=60.0, ge=0)
    live_max_age_s: float = Field(default=300.0, gt=0)


def settings(lake: Path | None = None) -> Settings:
    """Return the settings, `lake` in place of ``TSIS_LAKE`` where given.

    Raises
    ------
    ParamsError
        If a variable has an impossible value.
    """
    try:
        read = Settings()
    except ValidationError as error:
        wrong = "; ".join(f"TSIS_{str(item['loc'][0]).upper()}: {item['msg']}" for item in error.errors())
        raise ParamsError(f"environment: {wrong}") from error
    return read.model_copy(update={"lake": lake}) if lake else read
