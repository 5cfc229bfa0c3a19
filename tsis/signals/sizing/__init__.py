"""How much to bet on each prediction of a strategy: one rule a file, chosen by its kind."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tsis.signals.sizing.averaged import AveragedSizing
from tsis.signals.sizing.budget import BudgetSizing
from tsis.signals.sizing.dynamic import DynamicSizing
from tsis.signals.sizing.probability import ProbabilitySizing

Sizing = Annotated[ProbabilitySizing | AveragedSizing | BudgetSizing | DynamicSizing, Field(discriminator="kind")]

__all__ = ["AveragedSizing", "BudgetSizing", "DynamicSizing", "ProbabilitySizing", "Sizing"]
