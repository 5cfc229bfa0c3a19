"""Which stages of a chain may run beside each other."""

from __future__ import annotations

from collections.abc import Sequence, Set

from tsis.core.stage import AnyStage
from tsis.runtime.ledger import is_trial


def may_begin(position: int, chain: Sequence[AnyStage], ended: Set[int]) -> bool:
    """Tell whether everything that the stage at `position` waits for has ended.

    It waits for the stages before it that write what it reads; and one that counts trials for all before it that do,
    because the ledger is a chain: its order must not depend on who was faster.

    Parameters
    ----------
    chain : stages in running order.
    ended : positions of those that have ended, however they did.
    """
    return all(earlier in ended or not _waits(chain[position], chain[earlier]) for earlier in range(position))


def _waits(stage: AnyStage, earlier: AnyStage) -> bool:
    written = {table.name for table in earlier.writes}
    return any(table.name in written for table in stage.reads) or (is_trial(stage) and is_trial(earlier))
