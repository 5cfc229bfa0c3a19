"""The orders of differentiation that a model was fitted with, as they are stored within its artefact."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from tsis.core.errors import DataError
from tsis.core.params import Params
from tsis.models.artifact import load_model
from tsis.models.smallest_d import differentiated

Floats = npt.NDArray[np.float64]

ATTRIBUTE: Final = "fractional"
"""Name of the artefact's attribute, and key in ``governance.models.params``."""


class FrozenOrder(Params):
    """The order of one ticker, and what it was learnt on.

    Parameters
    ----------
    found : ``stationary``: the smallest order that passes the test. ``none_passes``: the highest order that could be
        tested. ``too_few_bars`` and ``constant_price``: there is no order, and the feature is missing.
    width : values a window of the difference; None without an order.
    n_bars, first_bar, last_bar : number and closes of the bars of the training window.
    adf, p_value : of the order on them, to nine digits: the last bits of a regression vary with the processor.
    """

    found: Literal["stationary", "none_passes", "too_few_bars", "constant_price"]
    d: float | None = None
    width: int | None = None
    n_bars: int
    first_bar: datetime
    last_bar: datetime
    adf: float | None = None
    p_value: float | None = None


class FrozenOrders(Params):
    """The orders that one fit knows, by ticker, with what else its feature is made by.

    A ticker that is not among them had no event or no bar by the end of the training window; it has no order.
    """

    feature: str
    price: str
    cut_off: float
    max_p_value: float
    orders: dict[str, FrozenOrder]

    def differentiate(self, ticker: str, price: Floats) -> Floats:
        """Return the feature of consecutive bars of `ticker`: the log of `price`, differentiated by the frozen order.

        NaN until the first window is full, and everywhere where the ticker has no order. Row by row it is known with
        its bar.

        Parameters
        ----------
        price : (n,) positive; of `self.price` of the bars.
        """
        order = self.orders.get(ticker)
        if order is None or order.d is None:
            return np.full(price.size, np.nan)
        return differentiated(np.log(price), order.d, self.cut_off)

    def attributes(self) -> dict[str, str]:
        """Return what is stored with the model: name and canonical JSON."""
        return {ATTRIBUTE: json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))}


def frozen_orders(artifact: bytes) -> FrozenOrders:
    """Return the orders within a stored artefact (``governance.models.artifact``).

    Raises
    ------
    DataError
        If the model was fitted without a fractional feature.
    IntegrityError
        If the bytes can't be read.
    """
    text = load_model(artifact, hashlib.sha256(artifact).hexdigest()).attributes.get(ATTRIBUTE)
    if text is None:
        raise DataError(
            "frozen orders: this artefact was fitted without a fractional feature; name one in predictions.models"
        )
    return FrozenOrders.model_validate_json(text)
