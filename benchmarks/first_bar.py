"""`python -m benchmarks.first_bar` feeds one bar to every family of features, as a live session that starts does."""

from __future__ import annotations

import numpy as np

from tsis.core.stream import CLOSE, HIGH, LOW, N_GIVEN, OPEN, VOLUME
from tsis.features.engine import Engine
from tsis.features.families import families

if __name__ == "__main__":
    engine = Engine([family(family.params()) for family in families().values()])
    bar = np.full((N_GIVEN, 1), np.nan)
    bar[[OPEN, HIGH, LOW, CLOSE, VOLUME]] = 100.0
    print(engine.live(engine.start()).step(bar).size)
