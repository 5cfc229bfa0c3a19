-- What was tradable on a day: the row that held then, names that were delisted later included.
create macro marts.universe_asof(day) as table
select *
from reference.tickers_dim
where valid_from <= day
    and (valid_to is null or valid_to >= day)
    and (ipo_date is null or ipo_date <= day)
    and (delisted_on is null or delisted_on >= day)
order by ticker;
