"""How a model's fractionally differentiated price is made: what params.yaml declares."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from tsis.core.params import Params


class FractionalParams(Params):
    """How a model's fractionally differentiated price is made.

    Parameters
    ----------
    price : of the bars; its log is differentiated.
    max_d, step : the orders 0, step, 2 step, … up to max_d are tried, the smallest first.
    cut_off : of the weights in size; a lower one remembers more bars, and is missing for longer.
    max_p_value : of the augmented Dickey-Fuller test (constant, one lag).
    min_bars : with fewer bars in the training window a ticker has no order.
    window_bars : the training window is the newest `window_bars` bars; None for all of them.
    """

    price: Literal["open", "high", "low", "close"] = "close"
    max_d: float = Field(default=1.0, ge=0, le=2)
    step: float = Field(default=0.05, ge=0.01, le=1)
    cut_off: float = Field(default=1e-3, ge=1e-6, lt=1)
    max_p_value: float = Field(default=0.05, gt=0, lt=1)
    min_bars: int = Field(default=100, ge=50)
    window_bars: int | None = Field(default=None, ge=50)

    @model_validator(mode="after")
    def _window_is_long_enough(self) -> FractionalParams:
        if self.window_bars is not None and self.window_bars < self.min_bars:
            raise ValueError(f"window_bars = {self.window_bars} is less than min_bars = {self.min_bars}: no d is found")
        return self

    @property
    def feature(self) -> str:
        """Return the name of the feature."""
        return f"frac_diff_{self.price}"

    @property
    def grid(self) -> tuple[float, ...]:
        """Return the orders to try, ascending."""
        return tuple(round(self.step * k, 10) for k in range(int(self.max_d / self.step + 1e-9) + 1))
