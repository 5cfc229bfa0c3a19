"""A price differentiated as little as stationarity asks for: the order is learnt on one fold's training window alone.

Which order passes depends on the sample, so that no table holds it (AFML 5.6, ADR 11): each fold and each refit looks
for its own, on bars that had closed when its last training label ended, and freezes it with the model.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from tsis.core.errors import DataError, some
from tsis.models.fractional_params import FractionalParams
from tsis.models.frozen_orders import FrozenOrder, FrozenOrders
from tsis.models.purged_k_fold import Rows
from tsis.models.smallest_d import try_order

Floats = npt.NDArray[np.float64]
Times = npt.NDArray[np.int64]

_KEY = ["ticker", "bar_spec", "t0", "seq"]


@dataclass(frozen=True)
class _Series:
    """The bars of one ticker, and which of them are the model's events."""

    closes: Times
    price: Floats
    rows: Rows  # of the events
    bars: Rows  # of the events, in `closes`
    first_t0: int


class FoldFracdiff:
    """The fractionally differentiated price of a model's events, fold by fold.

    Parameters
    ----------
    model : its name, for messages.
    events : ticker, bar_spec, t0, seq, t1 (null where it has not ended), ordered by t0; one row an event.
    bars : of the tickers of the events, on the model's bar_spec, in any order.

    Raises
    ------
    DataError
        If an event has no bar, or a price is not positive.
    """

    def __init__(self, model: str, events: pl.DataFrame, bars: pl.DataFrame, params: FractionalParams) -> None:
        self.feature = params.feature
        self._params = params
        self._n_events = events.height
        self._t0, self._t1 = (events[name].to_physical().fill_null(0).to_numpy() for name in ("t0", "t1"))
        known = (
            bars.select(*_KEY[:2], pl.col("ts_close").alias("t0"), "seq", pl.col(params.price).alias("_price"))
            .sort(_KEY)
            .with_columns(pl.int_range(pl.len()).over("ticker").alias("_bar"))
        )
        _require_prices(model, known, params.price)
        placed = events.select(*_KEY).with_row_index("_row").join(known, on=_KEY, how="left", maintain_order="left")
        _require_bars(model, placed)
        events_of = placed.partition_by("ticker", as_dict=True)
        self._series = {
            str(ticker): _Series(
                closes=part["t0"].to_physical().to_numpy(),
                price=part["_price"].to_numpy(),
                rows=events_of[ticker,]["_row"].cast(pl.Int64).to_numpy(),
                bars=events_of[ticker,]["_bar"].to_numpy(),
                first_t0=int(self._t0[events_of[ticker,]["_row"][0]]),
            )
            for (ticker,), part in sorted(known.partition_by("ticker", as_dict=True).items())
            if (ticker,) in events_of
        }

    def learn(self, train: Rows, test: Rows) -> FrozenOrders:
        """Return the order of each ticker that had an event and a bar when the training window ended.

        The window is the bars that had closed when the last training label before the test rows ended. Where training
        rows come after the test rows too (k-fold), it is the longer of these bars and those from the first t0 to the
        last t1 of the rows after, so that no bar of the test rows, their labels or the embargo is in it.

        Parameters
        ----------
        train, test : row numbers of events, ascending.
        """
        before, after = train[train < test[0]], train[train > test[-1]]
        windows = [(np.iinfo(np.int64).min, int(self._t1[before].max()))] if before.size else []
        windows += [(int(self._t0[after].min()), int(self._t1[after].max()))] if after.size else []
        found: dict[str, FrozenOrder] = {}
        for ticker, series in self._series.items():
            spans = [
                (int(np.searchsorted(series.closes, start)), int(np.searchsorted(series.closes, end, side="right")))
                for start, end in windows
            ]
            first, end = max(spans, key=lambda span: span[1] - span[0])
            if end > first and series.first_t0 <= windows[-1][1]:
                first = max(first, end - (self._params.window_bars or end))
                found[ticker] = _frozen(series.closes[first:end], np.log(series.price[first:end]), self._params)
        chosen = self._params
        return FrozenOrders(
            feature=chosen.feature,
            price=chosen.price,
            cut_off=chosen.cut_off,
            max_p_value=chosen.max_p_value,
            orders=found,
        )

    def values(self, orders: FrozenOrders) -> Floats:
        """Return the feature of every event at its bar, (n_events,); NaN where it is missing."""
        out = np.full(self._n_events, np.nan)
        for ticker, series in self._series.items():
            out[series.rows] = orders.differentiate(ticker, series.price)[series.bars]
        return out


def _frozen(closes: Times, log_price: Floats, params: FractionalParams) -> FrozenOrder:
    n_bars = closes.size
    first_bar, last_bar = pl.Series([closes[0], closes[-1]]).cast(pl.Datetime("us", "UTC"))
    if n_bars < params.min_bars:
        return FrozenOrder(found="too_few_bars", n_bars=n_bars, first_bar=first_bar, last_bar=last_bar)
    tested = None
    for d in params.grid:
        tried = try_order(log_price, d, params.cut_off)
        if tried.p_value is not None:
            tested = tried
            if tried.p_value <= params.max_p_value:
                break
    if tested is None or tested.adf is None or tested.p_value is None:
        return FrozenOrder(found="constant_price", n_bars=n_bars, first_bar=first_bar, last_bar=last_bar)
    return FrozenOrder(
        found="stationary" if tested.p_value <= params.max_p_value else "none_passes",
        d=tested.d,
        width=tested.width,
        n_bars=n_bars,
        first_bar=first_bar,
        last_bar=last_bar,
        adf=_nine_digits(tested.adf),
        p_value=_nine_digits(tested.p_value),
    )


def _nine_digits(value: float) -> float:
    return float(f"{value:.9g}")


def _require_prices(model: str, bars: pl.DataFrame, price: str) -> None:
    bad = bars.filter(~((pl.col("_price") > 0) & pl.col("_price").is_finite()).fill_null(value=False))
    if not bad.is_empty():
        raise DataError(
            f"model '{model}': {bad.height:,} of {bars.height:,} bars have a {price} that is not positive "
            f"(first: {_bar(bad)}), and no log; correct the raw rows or choose another price"
        )


def _require_bars(model: str, placed: pl.DataFrame) -> None:
    orphans = placed.filter(pl.col("_bar").is_null())
    if not orphans.is_empty():
        raise DataError(
            f"model '{model}': {orphans.height:,} of {placed.height:,} events have no bar in "
            f"processed_features.information_bars (first: {_bar(orphans)}; tickers: "
            f"{some(orphans['ticker'].unique().sort())}); run the stages before"
        )


def _bar(rows: pl.DataFrame) -> str:
    first = rows.row(0, named=True)
    return f"{first['ticker']} {first['bar_spec']} {first['t0']:%Y-%m-%dT%H:%M:%S.%fZ}"
