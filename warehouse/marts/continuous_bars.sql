-- Bars of futures products: those of the contract held, prices over the gaps so far, so that returns are the contract's.
-- A product that is a ticker has them in information_bars; of others they are made here of their contracts' bars.
create view marts.continuous_bars as
with held as (
    select
        roll.product,
        roll.ticker,
        bar.* exclude (ticker, open, high, low, close),
        bar.open / roll.cum_gap_ratio as open,
        bar.high / roll.cum_gap_ratio as high,
        bar.low / roll.cum_gap_ratio as low,
        bar.close / roll.cum_gap_ratio as close,
        bar.close as close_as_traded,
        roll.held_from,
        roll.cum_gap_ratio,
        roll.cum_gap_quote
    from processed_features.information_bars as bar
    join (select distinct product, ticker from processed_features.futures_roll) as member using (ticker)
    asof join processed_features.futures_roll as roll
        on roll.product = member.product and bar.ts_close > roll.held_from
    where roll.ticker = bar.ticker
    union all
    select
        roll.product,
        roll.ticker,
        bar.* exclude (ticker, open, high, low, close),
        bar.open,
        bar.high,
        bar.low,
        bar.close,
        bar.close / bar.price_factor as close_as_traded,
        roll.held_from,
        roll.cum_gap_ratio,
        roll.cum_gap_quote
    from processed_features.information_bars as bar
    asof join processed_features.futures_roll as roll
        on roll.product = bar.ticker and bar.ts_close > roll.held_from
)
select
    product,
    ticker,
    bar_spec,
    ts_open,
    ts_close,
    seq,
    open,
    high,
    low,
    close,
    close_as_traded - cum_gap_quote as close_by_difference,
    volume,
    dollar_volume,
    n_ticks,
    held_from,
    cum_gap_ratio,
    cum_gap_quote
from held;
