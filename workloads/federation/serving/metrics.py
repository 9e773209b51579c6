"""The server's metrics in the text format of Prometheus (exposition format 0.0.4)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from workloads.federation.definition import Definition
from workloads.federation.rounds.store import RoundRecord
from workloads.telemetry.federation import (
    BUDGET_CONSUMED,
    MODEL_ACCURACY,
    REFUSED,
    ROUND_DURATION,
    ROUNDS,
    SECURE_AGGREGATION_SUCCESS_RATE,
)

#: Rounds whose durations are shown, so that a long run does not become ever more series.
_ROUNDS_SHOWN: Final = 20


def exposition(definition: Definition, history: Sequence[RoundRecord], *, failed_attempts: int, refused: int) -> str:
    """Return the metrics.

    Args:
        definition: of the federation.
        history: the rounds that are done.
        failed_attempts: attempts of the present round that have failed.
        refused: messages that were refused since the server was started.
    """
    return "".join(f"{line}\n" for line in _lines(definition, history, failed_attempts, refused))


def _lines(definition: Definition, history: Sequence[RoundRecord], failed_attempts: int, refused: int) -> Iterator[str]:
    yield from _metric(ROUNDS, "counter", "Rounds that are done.")
    yield f"{ROUNDS} {len(history)}"
    yield from _metric(REFUSED, "counter", "Messages that were refused.")
    yield f"{REFUSED} {refused}"
    if not history:
        return
    last = history[-1]
    yield from _metric(ROUND_DURATION, "gauge", "Seconds from the first attempt of a round to its model.")
    yield from (f'{ROUND_DURATION}{{round="{each.number}"}} {each.duration_s:.6f}' for each in history[-_ROUNDS_SHOWN:])
    yield from _metric(MODEL_ACCURACY, "gauge", "Share of the test records whose class the model predicts.")
    yield f"{MODEL_ACCURACY} {last.accuracy:.6f}"
    if definition.privacy.unit != "none":
        yield from _metric(BUDGET_CONSUMED, "gauge", "Share of the privacy budget that is spent; the label is the budget.")
        yield f'{BUDGET_CONSUMED}{{epsilon="{definition.privacy.epsilon:g}"}} {last.epsilon / definition.privacy.epsilon:.6f}'
    if definition.secure_aggregation:
        attempts = sum(each.attempts for each in history) + failed_attempts
        yield from _metric(SECURE_AGGREGATION_SUCCESS_RATE, "gauge", "Share of the attempts of secure aggregation that gave a sum.")
        yield f"{SECURE_AGGREGATION_SUCCESS_RATE} {len(history) / attempts:.6f}"


def _metric(name: str, kind: str, text: str) -> tuple[str, str]:
    return f"# HELP {name} {text}", f"# TYPE {name} {kind}"
