"""What trading an instrument costs and how far it may be levered, as a row of numbers for the session kernel."""

from __future__ import annotations

import math
from typing import Final

from pydantic import Field

from tsis.core.params import Params

INSTRUMENT: Final = (
    "multiplier", "lot_size", "tick_size", "slippage_frac", "slippage_ticks", "impact_frac", "root_impact_frac",
    "fee_per_unit", "fee_frac", "min_fee", "long_rate_frac", "short_rate_frac", "max_leverage", "max_position_frac",
    "max_qty", "max_volume_frac",
)  # fmt: skip
"""The columns of `instruments` in the order of `tsis.kernels.costs`."""


class MarketParams(Params):
    """What trading a class of instruments costs, and how far it may be levered.

    Parameters
    ----------
    slippage_bps, slippage_ticks : paid by market and stop orders against their reference price; limit orders pay none.
    impact_bps, root_impact_bps : more slippage, in proportion to the share of the bar's volume that a fill takes and to
        the root of it: what a fill of all of it pays.
    fee_per_unit, fee_bps : commission in quote currency a unit (share, contract) and in basis points of the value.
    min_fee : least commission of an order, in quote currency.
    long_rate_frac, short_rate_frac : funding, interest or borrowing, a year of the value of a position; negative where
        the position is paid.
    max_leverage : value of all positions over equity.
    max_position_frac : value of one position over equity; None for no limit of its own.
    max_qty : units as traded of one position; None for no limit.
    max_volume_frac : share of a bar's volume that fills, nothing in a bar without; None where volume bounds nothing.
    """

    slippage_bps: float = Field(ge=0, lt=10_000)
    slippage_ticks: float = Field(default=0.0, ge=0)
    impact_bps: float = Field(default=0.0, ge=0, lt=10_000)
    root_impact_bps: float = Field(default=0.0, ge=0, lt=10_000)
    fee_per_unit: float = Field(default=0.0, ge=0)
    fee_bps: float = Field(default=0.0, ge=0, lt=10_000)
    min_fee: float = Field(default=0.0, ge=0)
    long_rate_frac: float = Field(default=0.0, gt=-10, lt=10)
    short_rate_frac: float = Field(default=0.0, gt=-10, lt=10)
    max_leverage: float = Field(default=1.0, gt=0)
    max_position_frac: float | None = Field(default=None, gt=0)
    max_qty: float | None = Field(default=None, gt=0)
    max_volume_frac: float | None = Field(default=None, gt=0, le=1)

    @property
    def needs_volume(self) -> bool:
        """Tell whether a fill depends on the bar's volume."""
        return self.max_volume_frac is not None or self.impact_bps > 0 or self.root_impact_bps > 0

    def row(self, multiplier: float, lot_size: float, tick_size: float) -> dict[str, float]:
        """Return the numbers of an instrument of this market, by `INSTRUMENT`."""
        limits = (self.max_position_frac, self.max_qty, self.max_volume_frac)
        values = (
            multiplier, lot_size, tick_size, self.slippage_bps / 1e4, self.slippage_ticks, self.impact_bps / 1e4,
            self.root_impact_bps / 1e4, self.fee_per_unit, self.fee_bps / 1e4, self.min_fee, self.long_rate_frac,
            self.short_rate_frac, self.max_leverage, *(math.inf if limit is None else limit for limit in limits),
        )  # fmt: skip
        return dict(zip(INSTRUMENT, values, strict=True))
