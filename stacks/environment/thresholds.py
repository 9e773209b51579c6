"""Thresholds: conditions of the environment that must hold, such as ``p95_ttft_ms < 400``.

A threshold is data: this module parses it and evaluates it against a number. ``policies/verdict`` decides which number that is, and what
the result means for the release.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

OPERATORS: Final[dict[str, Callable[[float, float], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
}

#: Metrics of jobs that run only where the environment has them; a job returns a figure of the same name.
JOB_METRICS: Final[dict[str, str]] = {
    "rl_reward": "median over the seeds of the score of a reinforcement training",
    "compression_ratio": "bytes of the original model over bytes of the compressed one",
    "job_overhead_share": "share of the time of a training job that did not go into work that lasts",
    "p95_gateway_overhead_ms": "95th percentile of the time that the gateway adds to a request in milliseconds",
    "goodput_share": "share of requests that were served within every limit that the environment's thresholds set on a p95",
    "usd_per_request": "price of the tokens of a request in USD, averaged over the load",
    "fl_accuracy": "share of the test records whose class the federated model predicts",
    "fl_epsilon": "privacy budget that the federated training has spent, as epsilon",
    "p50_round_s": "median of the time of a round of the federated training in seconds",
    "failed_share_during_faults": "share of requests that failed while a fault was injected",
    "p95_coordination_write_ms": "95th percentile of the time of a write to the group that coordinates, in milliseconds",
    "no_writes_ms_during_faults": "mean time without writes after the leader of the group that coordinates was killed, in milliseconds",
    "p95_e2e_ms_during_faults": "95th percentile of the time to the last token while a fault was injected, in milliseconds",
}

#: Metrics that only a rehearsal with faults has; without one, thresholds on them do not apply.
FAULT_METRICS: Final = frozenset(name for name in JOB_METRICS if name.endswith("_during_faults"))

#: What a job found, whatever the time that it took: a busy machine changes none of them.
UNTIMED_METRICS: Final = frozenset({"rl_reward", "compression_ratio", "fl_accuracy", "fl_epsilon"})

#: Every metric that a threshold may name, with its meaning.
METRICS: Final[dict[str, str]] = {
    **{
        f"p{q}_{latency}_ms": f"{q}th percentile of {meaning} in milliseconds"
        for latency, meaning in {
            "ttft": "the time to the first token",
            "tpot": "the time per output token",
            "e2e": "the time to the last token",
        }.items()
        for q in (50, 95, 99)
    },
    "failed_share": "share of requests that failed",
    "output_tokens_per_s": "output tokens per second over the run",
    "utilisation": "share of the run during which a replica was busy",
    "monthly_cost_usd": "price of the nodes for 730 hours in USD",
    "policy_violations": "number of policy findings that deny",
    **JOB_METRICS,
}

_FORM = re.compile(r"^\s*([a-z0-9_]+)\s*(<=|>=|==|<|>)\s*([0-9]+(?:_[0-9]+)*(?:\.[0-9]+)?)\s*$")


class Threshold:
    """``<metric> <operator> <number>``; two thresholds are equal if all three parts are."""

    __slots__ = ("limit", "metric", "symbol")

    def __init__(self, expression: str) -> None:
        match = _FORM.match(expression)
        if not match:
            raise ValueError(f"{expression!r} is not `<metric> <operator> <number>`, for instance `p95_ttft_ms < 400`")
        self.metric, self.symbol, number = match.groups()
        if self.metric not in METRICS:
            raise UnknownMetricError(self.metric)
        self.limit = float(number)
        if not math.isfinite(self.limit):
            raise ValueError(f"{number[:12]}… is larger than any measured value")

    def holds(self, value: float) -> bool:
        """Whether ``value`` meets the threshold."""
        return OPERATORS[self.symbol](value, self.limit)

    def straddled_by(self, low: float, high: float) -> bool:
        """Whether an interval straddles the limit, so that the sample cannot decide."""
        return self.holds(low) != self.holds(high)

    def __str__(self) -> str:
        number = format(Decimal(repr(self.limit)), "f").removesuffix(".0")  # all digits and no exponent, so that it parses again
        return f"{self.metric} {self.symbol} {number}"

    def __repr__(self) -> str:
        return f"Threshold({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Threshold) and self._parts == other._parts

    def __hash__(self) -> int:
        return hash(self._parts)

    @property
    def _parts(self) -> tuple[str, str, float]:
        return self.metric, self.symbol, self.limit

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            lambda value: value if isinstance(value, cls) else cls(_as_text(value)),
            serialization=core_schema.plain_serializer_function_ser_schema(str),
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, _schema: CoreSchema, _handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "pattern": _FORM.pattern, "description": "One of: " + ", ".join(METRICS)}


def _as_text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a text such as `p95_ttft_ms < 400`")  # noqa: TRY004  # pydantic collects ValueErrors
    return value


class UnknownMetricError(ValueError):
    """The threshold names an unknown metric."""

    def __init__(self, metric: str) -> None:
        self.value, self.allowed = metric, list(METRICS)
        super().__init__(f"{metric!r} is not a metric")
