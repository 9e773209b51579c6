"""Names of the series and spans of a federation. Imports nothing."""

from __future__ import annotations

from typing import Final

ROUND_DURATION: Final = "fl_round_duration"
BUDGET_CONSUMED: Final = "fl_privacy_budget_consumed"
SECURE_AGGREGATION_SUCCESS_RATE: Final = "fl_secure_aggregation_success_rate"
MODEL_ACCURACY: Final = "fl_model_accuracy"
ROUNDS: Final = "fl_rounds_total"
REFUSED: Final = "fl_refused_total"

#: Spans: an attempt of a round; below it its stages, each with the stage's name behind it, and the training of each client.
ROUND_SPAN: Final = "fl.round"
STAGE_SPAN: Final = "fl.stage"
TRAIN_SPAN: Final = "fl.train"
RUN: Final = "fl.run"
ROUND: Final = "fl.round.number"
ATTEMPT: Final = "fl.round.attempt"
CLIENTS: Final = "fl.clients"
ACCURACY: Final = "fl.model.accuracy"
EPSILON: Final = "fl.privacy.epsilon"
CLIENT: Final = "fl.client"
REPEATED: Final = "fl.update.repeated"

#: Series -> its labels.
FEDERATION_SERIES: Final[dict[str, tuple[str, ...]]] = {
    ROUND_DURATION: ("round",),
    BUDGET_CONSUMED: ("epsilon",),
    SECURE_AGGREGATION_SUCCESS_RATE: (),
    MODEL_ACCURACY: (),
    ROUNDS: (),
    REFUSED: (),
}
