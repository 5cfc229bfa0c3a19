"""Stage `regimes`: when each market regime of a series began and ended."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from tsis.core.params import Params
from tsis.core.series import BarSpecName
from tsis.core.stage import stage
from tsis.core.table import spec
from tsis.features.engine import Engine
from tsis.features.given_streams import given_streams
from tsis.features.regime.market_regime import MarketRegimeParams, market_regime
from tsis.tables.processed_features.information_bars import InformationBars
from tsis.tables.processed_features.regimes import Regimes
from tsis.tables.reference.sessions import Sessions
from tsis.tables.reference.tickers_dim import TickersDim

_NAMES: Final = {-1.0: "trend_down", 0.0: "range", 1.0: "trend_up"}


class RegimesParams(Params):
    """Parameters of `regimes`.

    Parameters
    ----------
    bar_specs : the series to tell of, by their bar specification; null for all.
    market_regime : parameters of the family; give it the same in `features`.
    """

    bar_specs: tuple[BarSpecName, ...] | None = None
    market_regime: MarketRegimeParams = MarketRegimeParams()


@stage(reads=[InformationBars], writes=[Regimes], by="ticker")
def regimes(information_bars: pl.DataFrame, params: RegimesParams) -> pl.DataFrame:
    """Return one row a stretch of bars with the same trend regime, the undefined ones among them."""
    chosen = information_bars
    if params.bar_specs is not None:
        chosen = chosen.filter(pl.col("bar_spec").is_in(params.bar_specs))
    ordered = chosen.sort(spec(InformationBars).key)
    frames = [spec(Regimes).empty()]
    frames += [stretches(bars, params.market_regime) for bars in ordered.partition_by("ticker", "bar_spec")]
    return pl.concat(frames).sort(spec(Regimes).key)


def stretches(bars: pl.DataFrame, params: MarketRegimeParams) -> pl.DataFrame:
    """Return the rows of regimes for the bars of one series, with the code that the feature trend_regime has.

    Parameters
    ----------
    bars : rows of information_bars of one series, sorted by (ts_close, seq).
    """
    engine = Engine([market_regime(params)])
    # the family reads prices alone
    given = given_streams(bars, spec(Sessions).empty(), spec(TickersDim).empty())
    codes = engine.fold(given, engine.start())[0][:, engine.names.index("trend_regime")]
    changes = (codes[1:] != codes[:-1]) & ~(np.isnan(codes[1:]) & np.isnan(codes[:-1]))
    first = np.flatnonzero(np.concatenate([[True], changes])) if bars.height else np.empty(0, dtype=np.int64)
    lengths = np.diff(np.append(first, bars.height))
    starts = bars[first.tolist()]
    return starts.select(
        "ticker",
        "bar_spec",
        pl.col("ts_close").alias("ts_start"),
        "seq",
        pl.Series("regime", [_NAMES.get(float(code), "undefined") for code in codes[first]], dtype=pl.String),
        pl.col("ts_close").shift(-1).alias("ts_end"),
        pl.when(pl.col("ts_close").shift(-1).is_not_null()).then(pl.Series("n_bars", lengths)).alias("n_bars"),
    )
