-- From a fill back to the raw rows: fill → order → signal → model → feature row → bar → range of raw rows.
-- Of an ensemble, ensemble_members has the versions of the models behind it, in place of model_split and what follows.
-- Of a futures product, contract is the one that was traded and raw_ticker the one whose raw rows made the bar.
create view marts.trade_chain as
select
    fill.session_id,
    fill.origin,
    fill.fill_id,
    fill.ts as filled_at,
    fill.ticker,
    coalesce(traded.ticker, fill.ticker) as contract,
    fill.side,
    fill.qty,
    fill.price,
    fill.fee,
    fill.slippage_bps,
    placed.order_id,
    placed.type as order_type,
    placed.ts_signal,
    setup.signal_id,
    setup.setup,
    setup.ml_score,
    setup.entry as entry_reference,
    setup.stop,
    setup.tp1,
    setup.checklist,
    setup.model,
    setup.model_version,
    blend.members as ensemble_members,
    fitted.split as model_split,
    fitted.fold as model_fold,
    fitted.trained_from,
    fitted.trained_to,
    setup.bar_spec,
    feature.ts_close as feature_ts_close,
    feature.seq as feature_seq,
    bar.ts_open as bar_ts_open,
    bar.ts_close as bar_ts_close,
    bar.open as bar_open,
    bar.high as bar_high,
    bar.low as bar_low,
    bar.close as bar_close,
    bar.volume as bar_volume,
    bar.price_factor as bar_price_factor,
    bar.raw_table,
    coalesce(held.ticker, bar.ticker) as raw_ticker,
    bar.raw_ts_first,
    bar.raw_seq_first,
    bar.raw_ts_last,
    bar.raw_seq_last
from execution.fills_log as fill
left join execution.orders_log as placed using (session_id, order_id)
left join signals.setups as setup on setup.session_id = fill.session_id and setup.signal_id = placed.signal_id
left join governance.models as fitted
    on fitted.model = setup.model and fitted.model_version = setup.model_version and fitted.split = 'walk_forward'
left join signals.ensemble_predictions as blend
    on blend.model = setup.model
    and blend.ticker = setup.ticker
    and blend.bar_spec = setup.bar_spec
    and blend.t0 = setup.t0
    and blend.seq = setup.seq
left join processed_features.features as feature
    on feature.ticker = setup.ticker
    and feature.bar_spec = setup.bar_spec
    and feature.ts_close = setup.t0
    and feature.seq = setup.seq
left join processed_features.information_bars as bar
    on bar.ticker = feature.ticker
    and bar.bar_spec = feature.bar_spec
    and bar.ts_close = feature.ts_close
    and bar.seq = feature.seq
asof left join processed_features.futures_roll as traded on traded.product = fill.ticker and fill.ts > traded.held_from
asof left join processed_features.futures_roll as held on held.product = bar.ticker and bar.ts_close > held.held_from;
