"""The kernels that the chain calls beside the banks of features, with their signatures, in the order of first calls.

A list that is not up to date fails nothing: what it lacks is compiled when it is called.
"""

from __future__ import annotations

from typing import Final

CHAIN_KERNELS: Final = (
    "tsis.kernels.mean_before.mean_before(float64[1], int64)",
    "tsis.kernels.time_bars.close_until(int64, float64[1], float64[2])",
    "tsis.kernels.time_bars.fold_time_bars"
    "(int64[1]r, int64[1]r, float64[1]r, float64[1]r, int8[1]r, int64[1], int64[1], int64[1], int64[1], "
    "float64, float64, float64, float64[1], float64[2])",
    "tsis.kernels.bars.fold_bars"
    "(int64[1]r, int64[1]r, float64[1]r, float64[1]r, int8[1]r, int64, float64, float64, float64, float64, "
    "float64[1], float64[2])",
    "tsis.kernels.imbalance_bars.fold_imbalance_bars"
    "(int64[1]r, int64[1]r, float64[1]r, float64[1]r, int8[1]r, int64, "
    "tsis.kernels.expectations.Expectations(float64*11), float64, float64, float64, float64[1], float64[2])",
    "tsis.kernels.runs_bars.fold_runs_bars"
    "(int64[1]r, int64[1]r, float64[1]r, float64[1]r, int8[1]r, int64, "
    "tsis.kernels.expectations.Expectations(float64*11), float64, float64, float64, float64[1], float64[2])",
    "tsis.kernels.price_bars.fold_renko_bars"
    "(int64[1]r, int64[1]r, float64[1]r, float64[1]r, int8[1]r, float64, float64, float64, float64, "
    "float64[1], float64[2])",
    "tsis.kernels.size_entropy.size_classes(float64[1], int8[1])",
    "tsis.kernels.quote_flow.quote_flow"
    "(int64[1], float64[1], float64[1], float64[1], float64[1], int64, float64[1], float64[2])",
    "tsis.kernels.size_entropy.places(int64[1], int64[1], int64[1], int64[1])",
    "tsis.kernels.size_entropy.size_entropy(int8[1], int64[1], int64[1], bool, int64, float64[1], float64[1])",
    "tsis.kernels.quote_flow.measure_bars"
    "(int64[1], float64[2], float64[1], float64[1], float64, float64[1], float64[2])",
    "tsis.kernels.entropy.binary_codes(float64[1])",
    "tsis.kernels.entropy.rolling_entropy(int64[1], int64, int64, int64, float64[2])",
    "tsis.kernels.indicators.ewm_std(float64[1], float64, float64[1], float64[1])",
    "tsis.kernels.log_return.log_return(float64[1], float64[1], float64[1])",
    "tsis.kernels.cusum.cusum_filter(float64[1], float64[1], float64[1], int8[1])",
    "tsis.core.step_call.run_step(int64, float64[2], int64, int64, float64[1], float64[1], float64[2], int64)",
    "tsis.kernels.run_banks.run_banks"
    "(int64[2], int64[1], float64[1], float64[1], float64[2], int64, int64, float64[2], float64[2])",
    "tsis.kernels.structural_breaks.csw_cusum(float64[1], int64, int64, float64, float64[2])",
    "tsis.kernels.structural_breaks.sup_chow(float64[1], int64, int64, float64, float64[2])",
    "tsis.kernels.structural_breaks.sadf(float64[1], int64, int64, int64, int64, float64[2])",
    "tsis.kernels.trend_scan.trend_scan(float64[1]r, int64[1], int64, int64, int64, float64[1], int64[1])",
    "tsis.kernels.barriers.first_touch"
    "(float64[1]r, float64[1]r, float64[1]r, float64[1]r, int64[1], int64[1], int8[1]r, float64[1]r, "
    "float64, float64, bool, int64[1], int8[1], float64[1])",
    "tsis.kernels.concurrency.concurrency(int64[1], int64[1], int64)",
    "tsis.kernels.concurrency.label_weights(int64[1], int64[1], int64[1], float64[1])",
    "tsis.kernels.fracdiff.fixed_weights(float64, float64)",
    "tsis.kernels.fracdiff.fixed_window(float64[1], float64[1], float64[1], float64[1])",
    "tsis.kernels.session.session"
    "(float64[1], float64[1], float64[2], int64[1]r, int64[1]r, int64[1]r, int64[1]r, float64[1]r, float64[1]r, "
    "float64[1]r, float64[1]r, float64[1]r, float64[1]r, float64[2], float64[2], float64[1])",
)
