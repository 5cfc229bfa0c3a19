-- Bars of futures products: those of the contract held, prices over the gaps so far, so that returns are the contract's.
create view marts.continuous_bars as
select
    roll.product,
    bar.ticker,
    bar.bar_spec,
    bar.ts_open,
    bar.ts_close,
    bar.seq,
    bar.open / roll.cum_gap_ratio as open,
    bar.high / roll.cum_gap_ratio as high,
    bar.low / roll.cum_gap_ratio as low,
    bar.close / roll.cum_gap_ratio as close,
    bar.close - roll.cum_gap_quote as close_by_difference,
    bar.volume,
    bar.dollar_volume,
    bar.n_ticks,
    roll.held_from,
    roll.cum_gap_ratio,
    roll.cum_gap_quote
from processed_features.information_bars as bar
join (select distinct product, ticker from processed_features.futures_roll) as member using (ticker)
asof join processed_features.futures_roll as roll
    on roll.product = member.product and bar.ts_close > roll.held_from
where roll.ticker = bar.ticker;
