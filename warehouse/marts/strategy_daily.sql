-- Equity, drawdown and result of each strategy by day.
create view marts.strategy_daily as
select
    session_id,
    origin,
    strategy_id,
    date,
    equity,
    pnl,
    ret_frac,
    equity / max(equity) over past - 1 as drawdown_frac,
    sum(pnl) over past as pnl_total,
    n_fills,
    fees,
    turnover
from analytics.pnl_daily
window past as (
    partition by session_id, strategy_id
    order by date
    rows between unbounded preceding and current row
);
