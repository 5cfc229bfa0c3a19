"""The zero-skill gauntlet: what the gate lets through of markets in which nobody can know anything.

``python -m benchmarks.gauntlet --markets 500 --seed 1``. In each market of 1,250 days 20 rules are tried and the best
one is brought before the gate that `tsis` uses, with all 20 held against it. Three questions:

- no edge: prices are a martingale with changing volatility, and costs are paid. How many markets pass? At most 2 %.
- oracle: one of the 20 knows tomorrow's sign just so often that its true net annual Sharpe ratio is 3. How often does
  it pass? At least 80 %.
- leak: a nearest-neighbour model is judged by shuffled k-fold on overlapping labels. Does the audit of its splits say
  so, and does it leave purged k-fold alone? Always.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tsis.analytics.moments import moments
from tsis.analytics.trial_family import trial_family
from tsis.analytics.verdict import Verdict, verdict
from tsis.models.audit_splits import audit_splits
from tsis.models.purged_k_fold import PurgedKFold

Floats = npt.NDArray[np.float64]

N_DAYS, WARM_UP, DAYS_A_YEAR = 1_250, 250, 250.0
DAILY_VOLATILITY, VOLATILITY_OF_IT, PERSISTENCE = 0.01, 0.4, 0.97
COST = 1e-4
ORACLE_SHARPE = 3.0
HORIZON = 20
MOST_WITHOUT_EDGE, LEAST_ORACLES = 0.02, 0.80


def market(rng: np.random.Generator, n: int = N_DAYS + WARM_UP) -> Floats:
    """Return (n,) returns whose mean is zero whatever came before; their volatility comes in clusters."""
    shocks = rng.normal(0.0, VOLATILITY_OF_IT * math.sqrt(1.0 - PERSISTENCE**2), n)
    level = np.empty(n)
    level[0] = rng.normal(0.0, VOLATILITY_OF_IT)
    for i in range(1, n):
        level[i] = PERSISTENCE * level[i - 1] + shocks[i]
    return DAILY_VOLATILITY * np.exp(level) * rng.normal(0.0, 1.0, n)


def rules(returns: Floats) -> Floats:
    """Return (n, 20) positions of +1 or -1 at the end of each day, from what was known then."""
    price = np.concatenate(([0.0], np.cumsum(returns)))
    total = np.concatenate(([0.0], np.cumsum(price)))

    def average(window: int) -> Floats:
        out = np.full(returns.size, np.nan)
        out[window:] = ((total[window:] - total[:-window]) / window)[2:]
        return out

    def momentum(window: int) -> Floats:
        out = np.full(returns.size, np.nan)
        out[window - 1 :] = price[window:] - price[:-window]
        return out

    crosses = [(5, 20), (5, 50), (10, 50), (10, 100), (20, 100), (20, 200), (50, 150), (50, 200)]
    found = [average(fast) - average(slow) for fast, slow in crosses]
    found += [momentum(window) for window in (5, 10, 21, 63, 126, 250)]
    found += [-momentum(window) for window in (1, 2, 3, 5, 10, 21)]
    return np.where(np.column_stack(found) >= 0.0, 1.0, -1.0)


def net(returns: Floats, positions: Floats) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Return (1250, k) what the positions of the evening before earn after costs, and (k,) the trades."""
    held = positions[WARM_UP - 1 : -1]
    before = positions[WARM_UP - 2 : -2]
    traded = np.abs(held - before)
    return held * returns[WARM_UP:, None] - COST * traded, np.count_nonzero(traded, axis=0)


def oracle(rng: np.random.Generator, returns: Floats) -> Floats:
    """Return (n,) positions that agree with the next return just so often that the true net Sharpe ratio is 3 a year.

    Positions are independent tosses, so that a day trades 1 unit on average. With a = E|r|, v = E r²:
    (q a - cost) / sqrt(v + … - (q a)²) = 3 / sqrt(250) for q = 2p - 1; the cost's own variance is in v.
    """
    mean_abs = DAILY_VOLATILITY * math.exp(VOLATILITY_OF_IT**2 / 2) * math.sqrt(2.0 / math.pi)
    square = DAILY_VOLATILITY**2 * math.exp(2.0 * VOLATILITY_OF_IT**2) + COST**2
    target = ORACLE_SHARPE / math.sqrt(DAYS_A_YEAR)
    net_mean = target * math.sqrt(square / (1.0 + target**2))
    p = 0.5 + (net_mean + COST) / mean_abs / 2.0
    is_right = rng.random(returns.size) < p
    ahead = np.sign(np.append(returns[1:], 1.0))
    return np.where(is_right, ahead, -ahead)


def judge_best(returns: Floats, n_trades: npt.NDArray[np.int64]) -> tuple[int, Verdict]:
    """Bring the best of (days, trials) before the gate; return which one it was and the verdict."""
    found = [moments(column) for column in returns.T.tolist()]
    sharpes = [one.sharpe for one in found]
    best = int(np.argmax([-math.inf if x is None else x for x in sharpes]))
    stats = {"n_days": returns.shape[0], "n_trades": int(n_trades[best]), "periods_a_year": DAYS_A_YEAR}
    stats |= {"sharpe_daily": sharpes[best], "skew": found[best].skew, "kurtosis": found[best].kurtosis}
    return best, verdict(stats, trial_family(sharpes, returns))


def leaky(returns: Floats, rng: np.random.Generator) -> tuple[Verdict, bool, bool]:
    """Judge a model without skill by shuffled k-fold.

    Returns
    -------
    The gate's verdict on what it seems to earn; whether the audit flags its splits, and those of purged k-fold.
    """
    from sklearn.model_selection import KFold
    from sklearn.neighbors import KNeighborsClassifier

    price = np.concatenate(([0.0], np.cumsum(returns)))
    days = np.arange(WARM_UP, returns.size - HORIZON)
    x = np.column_stack([price[days] - price[days - window] for window in (20, 60, 120)])
    label = (price[days + HORIZON] > price[days]).astype(np.int64)
    splits = list(KFold(5, shuffle=True, random_state=int(rng.integers(2**31))).split(x))
    side = np.zeros(days.size)
    for train, test in splits:
        side[test] = 2.0 * KNeighborsClassifier(5).fit(x[train], label[train]).predict(x[test]) - 1.0
    earned = side * returns[days] - COST * np.abs(np.diff(side, prepend=0.0))
    found = moments(earned.tolist())
    stats = {"n_days": days.size, "n_trades": days.size, "periods_a_year": DAYS_A_YEAR, "sharpe_daily": found.sharpe}
    judged = verdict(stats | {"skew": found.skew, "kurtosis": found.kurtosis}, trial_family([found.sharpe]))
    t0, t1 = days.astype(np.int64), (days + HORIZON).astype(np.int64)
    return judged, bool(audit_splits(splits, t0, t1)), bool(audit_splits(PurgedKFold(5, t0, t1), t0, t1))


@dataclass(frozen=True)
class Gauntlet:
    """What came of it; shares of the markets."""

    n_markets: int
    no_edge_frac: float
    dsr_alone_frac: float
    oracle_frac: float
    leak_flagged_frac: float
    purged_flagged_frac: float
    leak_believed_frac: float
    n_effective: float

    @property
    def problems(self) -> list[str]:
        """Return what is not as it should be."""
        found = []
        if self.no_edge_frac > MOST_WITHOUT_EDGE:
            found.append(
                f"{self.no_edge_frac:.1%} of the markets without an edge pass; at most {MOST_WITHOUT_EDGE:.0%}"
            )
        if self.oracle_frac < LEAST_ORACLES:
            found.append(f"{self.oracle_frac:.1%} of the oracles pass; at least {LEAST_ORACLES:.0%}")
        if self.leak_flagged_frac < 1.0 or self.purged_flagged_frac > 0.0:
            found.append(
                f"the audit flags {self.leak_flagged_frac:.1%} of leaks, {self.purged_flagged_frac:.1%} of others"
            )
        return found


def run(n_markets: int, seed: int, tell: Callable[[str], object] = lambda _: None) -> Gauntlet:
    """Run the gauntlet; market k of a seed is the same whatever the number of markets."""
    passed, dsr_alone, oracles, flagged, purged_flagged, believed, worth = ([] for _ in range(7))
    for number, sequence in enumerate(np.random.SeedSequence(seed).spawn(n_markets)):
        rng = np.random.default_rng(sequence)
        returns = market(rng)
        positions = rules(returns)
        _, judged = judge_best(*net(returns, positions))
        passed.append(judged.is_passed)
        dsr_alone.append(judged.is_edge_shown)
        worth.append(judged.n_effective)
        known = positions.copy()
        known[:, rng.integers(known.shape[1])] = truth = oracle(rng, returns)
        best, judged = judge_best(*net(returns, known))
        oracles.append(judged.is_passed and bool((known[:, best] == truth).all()))
        seeming, is_flagged, is_purged_flagged = leaky(returns, rng)
        flagged.append(is_flagged)
        purged_flagged.append(is_purged_flagged)
        believed.append(seeming.is_passed)
        tell(f"{number + 1:,} of {n_markets:,} markets")
    means = [float(np.mean(x)) for x in (passed, dsr_alone, oracles, flagged, purged_flagged, believed, worth)]
    return Gauntlet(n_markets, *means)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the figures; return 1 where one is not as it should be."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gauntlet", description=__doc__.partition("\n")[0])
    parser.add_argument("--markets", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args(arguments)
    found = run(asked.markets, asked.seed, lambda text: print(text, end="\r", file=sys.stderr, flush=True))
    worth = f"20 trials each, worth {found.n_effective:.1f} on average"
    print(f"{found.n_markets:,} markets of {N_DAYS:,} days, {worth}; seed {asked.seed}")
    print(f"no edge, passed the gate     {found.no_edge_frac:7.2%}  (DSR alone {found.dsr_alone_frac:.2%})")
    print(f"oracle of Sharpe 3, passed   {found.oracle_frac:7.2%}")
    print(
        f"leaky splits, flagged        {found.leak_flagged_frac:7.2%}  (purged k-fold {found.purged_flagged_frac:.2%})"
    )
    print(f"leaky result, gate believes  {found.leak_believed_frac:7.2%}")
    for problem in found.problems:
        print(f"problem: {problem}")
    return 1 if found.problems else 0


if __name__ == "__main__":
    sys.exit(main())
