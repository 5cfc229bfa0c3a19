"""How each strategy did, before the number of trials is held against it."""

from __future__ import annotations

from tsis.core.table import Table, column


class StrategyStats(Table, key=("session_id", "strategy_id")):
    """How each strategy did, before the number of trials is held against it."""

    session_id: str = column("id", "The session that decided: backtest:<strategy_id>, or a live session's id")
    origin: str = column("enum", "Where it happened", isin=["backtest", "paper", "live"])
    strategy_id: str = column("name", "Strategy")
    n_days: int = column("days", "Days with a result", ge=0)
    n_trades: int = column("count", "Closed trades", ge=0)
    total_return_frac: float = column("frac", "Equity at the end over the start, minus one")
    sharpe_daily: float = column(
        "ratio", "Mean over standard deviation (ddof 1) of daily returns; null if undefined", nullable=True
    )
    sharpe_annual: float = column("ratio", "sharpe_daily times the root of the periods a year", nullable=True)
    sortino_annual: float = column(
        "ratio", "Mean daily return over its downside deviation, annualised; null without a loss", nullable=True
    )
    calmar: float = column("ratio", "annual_return_frac over max_drawdown_frac; null without a loss", nullable=True)
    annual_return_frac: float = column(
        "frac", "Yearly return that compounds to the same; null where all was lost", nullable=True
    )
    volatility_annual_frac: float = column(
        "frac", "Standard deviation of daily returns, annualised; null for fewer than two days", nullable=True, ge=0
    )
    periods_a_year: float = column("days", "Periods used to annualise", gt=0)
    skew: float = column("ratio", "Skewness of daily returns", nullable=True)
    kurtosis: float = column("ratio", "Kurtosis of daily returns, 3 = normal", nullable=True)
    psr_frac: float = column("frac", "Probability that the true Sharpe is above 0", nullable=True, ge=0, le=1)
    min_trl_days: float = column(
        "days", "Track record that would make it significant at 95 %; null if the Sharpe is not positive", nullable=True
    )
    max_drawdown_frac: float = column("frac", "Largest loss from a peak", ge=0, le=1)
    longest_under_water_days: int = column(
        "days", "Most days in a row that ended below an earlier peak; a row that has not ended counts so far", ge=0
    )
    under_water_frac: float = column("frac", "Share of days that ended below an earlier peak", ge=0, le=1)
    var_95_frac: float = column(
        "frac", "Loss of a day that 95 % of days do not exceed (of the sample); negative where even that is a gain"
    )
    cvar_95_frac: float = column("frac", "Mean loss of the 5 % worst days: expected shortfall")
    profit_factor: float = column(
        "ratio", "Gains over losses of closed trades; null without losses", nullable=True, ge=0
    )
    win_rate_frac: float = column("frac", "Share of closed trades with a gain", nullable=True, ge=0, le=1)
    expectancy: float = column("quote", "Mean result of a closed trade", nullable=True)
    payoff_ratio: float = column(
        "ratio", "Mean gain over mean loss of closed trades; null without one of them", nullable=True, ge=0
    )
    longest_losing_streak: int = column("count", "Most closed trades without a gain in a row", ge=0)
    exposure_frac: float = column("frac", "Share of days on which a position was held", ge=0, le=1)
    fees: float = column("quote", "Commission of all fills", ge=0)
    turnover_annual: float = column("ratio", "Traded value a year over mean equity", nullable=True, ge=0)
    capacity: float = column(
        "quote",
        "Equity at which 1 in 20 fills would take more than 1 % of the volume of its bar: the mean equity times 1 % "
        "over the 95th percentile of volume_frac; an upper bound; null where no fill's bar had volume",
        nullable=True,
        ge=0,
    )
