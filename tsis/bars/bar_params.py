"""Parameters of bars: which are built, and how those that expect something expect it."""

from __future__ import annotations

from pydantic import Field, model_validator

from tsis.core.errors import ParamsError, some
from tsis.core.params import Params
from tsis.core.series import AssetClass, BarSpecName


class ExpectationParams(Params):
    """How imbalance and runs bars form and bound their expectations; n is the number in a bar's name.

    Parameters
    ----------
    span_bars, span_ticks : spans of the averages over bars and over trades.
    expected_range : expected trades stay within n / expected_range and n × expected_range.
    bar_range : a bar has n / bar_range trades at least (rounded up) and n × bar_range at most (rounded down), so that a
        day of N trades has between N / (n × bar_range) and N × bar_range / n bars, give or take the bars that it
        shares with its neighbours.
    floor : imbalance thresholds are at least so many times what trades of random sign reach. Signs come in runs: over
        5,000 trades their sum is some 2 (IBM), 10 (ES) or 14 (BAC) times that large.
    """

    span_bars: int = Field(default=20, ge=1)
    span_ticks: int = Field(default=10_000, ge=1)
    expected_range: float = Field(default=2.0, ge=1, allow_inf_nan=False)
    bar_range: float = Field(default=10.0, ge=1, allow_inf_nan=False)
    floor: float = Field(default=8.0, ge=0, allow_inf_nan=False)


class QuoteRuleParams(Params):
    """See `tsis.bars.trade_side.QuoteRule`.

    Parameters
    ----------
    delay_us : a quote counts for trades at least that much later.
    max_age_us : and not for those that are later by more.
    """

    delay_us: int = Field(default=1, ge=0)
    max_age_us: int = Field(default=900_000_000, ge=0)

    @model_validator(mode="after")
    def _quotes_count_for_a_while(self) -> QuoteRuleParams:
        if self.max_age_us < self.delay_us:
            raise ParamsError(f"information_bars.quotes: max_age_us {self.max_age_us:,} is less than delay_us")
        return self


def _default_bars() -> dict[str, tuple[str, ...]]:
    return {
        "equity": ("time_1m", "time_1h", "time_1d", "dollar_5M"),
        "etf": ("time_1m", "time_1h", "time_1d", "dollar_5M"),
        "future": (
            *("time_1m", "time_5m", "time_1h", "time_1d", "session_1h"),
            *("tick_1000", "volume_2500", "dollar_70M", "dib_1k", "trb_1k", "renko_1"),
        ),
        "fx": ("time_1m", "time_1h", "time_1d"),
        "crypto": ("time_1m", "time_1h", "time_1d", "dollar_5M"),
        "index": ("time_1m", "time_1h", "time_1d"),
    }


class InformationBarsParams(Params):
    """Parameters of `information_bars`.

    Parameters
    ----------
    bars : asset class to bar specifications; each is built where a ticker has the data for it.
    quotes : which quote prevails at a trade, for the sides of trades where the lake has quotes.
    expectations : of imbalance and runs bars.
    """

    bars: dict[AssetClass, tuple[BarSpecName, ...]] = Field(default_factory=_default_bars)
    quotes: QuoteRuleParams = QuoteRuleParams()
    expectations: ExpectationParams = ExpectationParams()

    @model_validator(mode="after")
    def _each_bar_once(self) -> InformationBarsParams:
        for asset_class, names in self.bars.items():
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ParamsError(f"information_bars.bars.{asset_class}: {some(twice)} twice; name each bar once")
        return self
