"""The streams that a feature bank sees: what is known of each bar when it closes, one row of numbers a stream.

Their places are part of the compiled kernels, so that reading one costs nothing; a bank imports the names it reads.
Times are microseconds since 1970 UTC. What a series does not have, such as quotes of daily bars, is NaN.
"""

from __future__ import annotations

from typing import Final

TS_OPEN: Final = 0
TS_CLOSE: Final = 1
OPEN: Final = 2
HIGH: Final = 3
LOW: Final = 4
CLOSE: Final = 5
VOLUME: Final = 6
DOLLAR_VOLUME: Final = 7
N_TICKS: Final = 8
VWAP: Final = 9
BUY_VOLUME: Final = 10
SELL_VOLUME: Final = 11
N_BUYS: Final = 12
N_SELLS: Final = 13
SESSION: Final = 14  # days since 1970 of the session's date
SESSION_OPEN: Final = 15
SESSION_CLOSE: Final = 16
IS_HALF_DAY: Final = 17
FLOAT_SHARES: Final = 18
SPREAD_BPS: Final = 19
BID_SIZE: Final = 20
ASK_SIZE: Final = 21
DEPTH_IMBALANCE: Final = 22
ORDER_FLOW: Final = 23
TRADE_SIZE_ENTROPY: Final = 24
N_GIVEN: Final = 25

# what follows is derived from the row and the one before it, once for all banks
LOG_RETURN: Final = 25
TRUE_RANGE: Final = 26
TYPICAL_PRICE: Final = 27
N_STREAMS: Final = 28
BASES: Final = {LOG_RETURN: (CLOSE,), TRUE_RANGE: (HIGH, LOW, CLOSE), TYPICAL_PRICE: (HIGH, LOW, CLOSE)}
"""What each of these is derived from."""

NAMES: Final = (
    "ts_open",
    "ts_close",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "dollar_volume",
    "n_ticks",
    "vwap",
    "buy_volume",
    "sell_volume",
    "n_buys",
    "n_sells",
    "session",
    "session_open",
    "session_close",
    "is_half_day",
    "float_shares",
    "spread_bps",
    "bid_size",
    "ask_size",
    "depth_imbalance",
    "order_flow",
    "trade_size_entropy",
    "log_return",
    "true_range",
    "typical_price",
)
