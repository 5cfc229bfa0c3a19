-- Daily prices of a symbol up to a time, back-adjusted so that the last one is as traded.
create macro marts.adjusted(symbol, as_of) as table
with known as (
    select *, split_factor * dividend_factor as factor
    from processed_features.daily_cache
    where ticker = symbol and ts_close <= as_of
),
newest as (select arg_max(factor, ts_close) as factor, arg_max(split_factor, ts_close) as split from known)
select
    known.ticker,
    known.date,
    known.open_d * known.factor / newest.factor as open,
    known.high_d * known.factor / newest.factor as high,
    known.low_d * known.factor / newest.factor as low,
    known.close_d * known.factor / newest.factor as close,
    known.vol_d * newest.split / known.split_factor as volume
from known, newest
order by known.date;
