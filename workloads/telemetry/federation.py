"""Names of the series that a federation server shows. Imports nothing."""

from __future__ import annotations

from typing import Final

ROUND_DURATION: Final = "fl_round_duration"
BUDGET_CONSUMED: Final = "fl_privacy_budget_consumed"
SECURE_AGGREGATION_SUCCESS_RATE: Final = "fl_secure_aggregation_success_rate"
MODEL_ACCURACY: Final = "fl_model_accuracy"
ROUNDS: Final = "fl_rounds_total"
REFUSED: Final = "fl_refused_total"

#: Series -> its labels.
FEDERATION_SERIES: Final[dict[str, tuple[str, ...]]] = {
    ROUND_DURATION: ("round",),
    BUDGET_CONSUMED: ("epsilon",),
    SECURE_AGGREGATION_SUCCESS_RATE: (),
    MODEL_ACCURACY: (),
    ROUNDS: (),
    REFUSED: (),
}
