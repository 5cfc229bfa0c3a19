"""Stage `entropy`: how much of the last returns is noise."""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
import polars as pl
from pydantic import Field

from tsis.core.params import Params
from tsis.core.series import Series, by_series
from tsis.core.stage import stage
from tsis.core.table import spec
from tsis.kernels import entropy as kernel
from tsis.tables.processed_features.entropy import Entropy
from tsis.tables.processed_features.information_bars import InformationBars
from tsis.tables.reference.tickers_dim import TickersDim

_KEY: Final = ["ticker", "bar_spec", "ts_close", "seq"]


class EntropyParams(Params):
    """The messages of one series.

    Parameters
    ----------
    encoding : ``binary`` takes the signs of the log returns and leaves out zeros; ``quantile`` takes `n_symbols`
        classes of equal size, those of each window by itself.
    n_symbols : classes of ``quantile``.
    window : returns in a message.
    word_length : symbols in a word of the plug-in estimator.
    """

    encoding: Literal["binary", "quantile"] = "binary"
    n_symbols: int = Field(default=5, ge=2, le=64)
    window: int = Field(default=100, ge=4)
    word_length: int = Field(default=3, ge=1, le=10)


def _default_series() -> dict[str, dict[str, EntropyParams]]:
    return {"future": {"dollar_70M": EntropyParams()}}


class EntropiesParams(Params):
    """Parameters of `entropy`.

    Parameters
    ----------
    series : asset class, then bar specification, to its messages; other series have none.
    """

    series: Series[EntropyParams] = Field(default_factory=_default_series)


@stage(reads=[InformationBars, TickersDim], writes=[Entropy], by="ticker")
def entropy(information_bars: pl.DataFrame, tickers_dim: pl.DataFrame, params: EntropiesParams) -> pl.DataFrame:
    """Return the entropies of AFML 18 of the log returns in the window that ends at each bar, known at its close.

    Raises
    ------
    DataError
        If a ticker is not in tickers_dim.
    """
    frames = [spec(Entropy).empty()]
    ordered = information_bars.sort(spec(InformationBars).key)
    for bars, chosen in by_series(ordered, tickers_dim, params.series):
        if chosen is not None:
            frames.append(return_entropies(bars, chosen))
    return pl.concat(frames).sort(spec(Entropy).key)


def return_entropies(bars: pl.DataFrame, params: EntropyParams) -> pl.DataFrame:
    """Return the rows of entropy for the bars of one series.

    Parameters
    ----------
    bars : ticker, bar_spec, ts_close, seq, close, sorted by (ts_close, seq).
    """
    returns = np.diff(np.log(bars["close"].to_numpy()))
    found = np.full((bars.height, len(kernel.ENTROPIES)), np.nan)
    if params.encoding == "binary":
        codes = kernel.binary_codes(returns)
        kernel.rolling_entropy(codes, 2, params.window, params.word_length, found[1:])
    else:
        kernel.rolling_quantile_entropy(returns, params.n_symbols, params.window, params.word_length, found[1:])
    return bars.select(_KEY).with_columns(
        pl.Series(name, found[:, j]).fill_nan(None) for j, name in enumerate(kernel.ENTROPIES)
    )
