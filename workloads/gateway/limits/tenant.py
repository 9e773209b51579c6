"""The limits of a tenant and of one of its keys, reserved together or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from foundation.dialects.model.errors import ErrorKind, ProviderError
from workloads.gateway.limits.rate import Rate

DAY_S: Final = 86_400


@dataclass(frozen=True, slots=True)
class Allowance:
    """The allowed usage; None means no limit."""

    requests_per_min: float | None = None
    input_tokens_per_min: float | None = None
    output_tokens_per_min: float | None = None
    nano_usd_per_day: int | None = None


@dataclass(slots=True)
class Spending:
    """The nano-dollars of one UTC day."""

    day: int = -1
    nano_usd: int = 0


class Meter:
    """The use of one tenant or key. ``spending`` goes on under another allowance; the rates begin anew."""

    __slots__ = ("_rates", "allowance", "name", "spending")

    def __init__(self, name: str, allowance: Allowance, spending: Spending | None = None) -> None:
        self.name = name
        self.allowance = allowance
        self._rates = {
            dimension: Rate(limit)
            for dimension, limit in (
                ("requests", allowance.requests_per_min),
                ("input tokens", allowance.input_tokens_per_min),
                ("output tokens", allowance.output_tokens_per_min),
            )
            if limit is not None
        }
        self.spending = spending or Spending()

    def refusal(self, amounts: dict[str, float], cost: int, now_s: float, unix_s: float) -> ProviderError | None:
        """Return why ``amounts`` and ``cost`` (nano-dollars) cannot be reserved; None if they can."""
        for dimension, rate in self._rates.items():
            if wait_s := rate.wait_s(amounts[dimension], now_s):
                message = f"{self.name} is over its limit of {rate.per_min:g} {dimension} per minute"
                limit = dimension.replace(" ", "_")
                return ProviderError(ErrorKind.RATE_LIMIT, message, 429, retry_after_s=round(wait_s + 0.0005, 3), limit=limit)
        budget = self.allowance.nano_usd_per_day
        if budget is not None and self.spent(unix_s) + cost > budget:
            message = f"{self.name} is over its budget of {budget / 1e9:g} USD per day"
            return ProviderError(ErrorKind.QUOTA, message, 429, retry_after_s=float(DAY_S - int(unix_s) % DAY_S), limit="money")
        return None

    def take(self, amounts: dict[str, float], cost: int, now_s: float, unix_s: float) -> None:
        """Reserve, or release with negative numbers."""
        for dimension, rate in self._rates.items():
            if amount := amounts[dimension]:
                rate.take(amount, now_s)
        if cost:
            self.spending.nano_usd = max(0, self.spent(unix_s) + cost)

    def recall(self, nano_usd: int, unix_s: float) -> None:
        """Count what was spent on this day before this process began."""
        self.spending.nano_usd = self.spent(unix_s) + nano_usd

    def spent(self, unix_s: float) -> int:
        """Return the nano-dollars of this UTC day."""
        spending = self.spending
        if (day := int(unix_s) // DAY_S) != spending.day:
            spending.day, spending.nano_usd = day, 0
        return spending.nano_usd


@dataclass(slots=True)
class Reservation:
    """What a request holds until it is settled."""

    meters: Sequence[Meter]
    input_tokens: int
    output_tokens: int
    cost: int
    day: int

    def settle(self, input_tokens: int, output_tokens: int, cost: int, now_s: float, unix_s: float) -> None:
        """Replace the reservation by the actual usage; a second call has no effect."""
        change = {"requests": 0.0, "input tokens": float(input_tokens - self.input_tokens)}
        change["output tokens"] = float(output_tokens - self.output_tokens)
        reserved = self.cost if int(unix_s) // DAY_S == self.day else 0  # what was reserved yesterday is not in today's sum
        for meter in self.meters:
            meter.take(change, cost - reserved, now_s, unix_s)
        self.meters = ()


def reserve(
    meters: Sequence[Meter], *, input_tokens: int, output_tokens: int, cost: int, now_s: float, unix_s: float
) -> Reservation | ProviderError:
    """Reserve on all meters, or on none of them and return the refusal."""
    amounts = {"requests": 1.0, "input tokens": float(input_tokens), "output tokens": float(output_tokens)}
    for meter in meters:
        if (refused := meter.refusal(amounts, cost, now_s, unix_s)) is not None:
            return refused
    for meter in meters:
        meter.take(amounts, cost, now_s, unix_s)
    return Reservation(meters, input_tokens, output_tokens, cost, int(unix_s) // DAY_S)
