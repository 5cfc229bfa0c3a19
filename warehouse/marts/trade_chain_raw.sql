-- The raw trades of the bar behind a fill (empty where the bar came from a vendor's bars).
create macro marts.fill_raw_trades(fill) as table
select trade.*
from marts.trade_chain as chain
join raw.trades as trade
    on trade.ticker = chain.raw_ticker
    and (trade.ts, trade.seq) between (chain.raw_ts_first, chain.raw_seq_first) and (chain.raw_ts_last, chain.raw_seq_last)
where chain.fill_id = fill and chain.raw_table = 'raw.trades'
order by trade.ts, trade.seq;
