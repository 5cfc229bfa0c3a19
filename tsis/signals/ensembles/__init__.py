"""How an ensemble weighs its members: one rule a file, chosen by its kind."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tsis.signals.ensembles.best_performer import BestPerformer
from tsis.signals.ensembles.confidence_weighted import ConfidenceWeighted
from tsis.signals.ensembles.performance_weighted import PerformanceWeighted
from tsis.signals.ensembles.voting import Voting

Rule = Annotated[Voting | PerformanceWeighted | ConfidenceWeighted | BestPerformer, Field(discriminator="kind")]

__all__ = ["BestPerformer", "ConfidenceWeighted", "PerformanceWeighted", "Rule", "Voting"]
