"""Providers as the emulator plays them: when the first token comes, when the last, and how a fault breaks the answer."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Final

from foundation.dialects.model.errors import ErrorKind, ProviderError
from foundation.dialects.model.usage import Usage
from workloads.emulator.behaviour import refusals
from workloads.emulator.behaviour.faults import Fault, FaultPlan, FaultState, parse_fault
from workloads.emulator.behaviour.rate_limits import RateLimits
from workloads.emulator.behaviour.script import Script, prompt_tokens
from workloads.emulator.behaviour.timing import Timing

if TYPE_CHECKING:
    from foundation.dialects.model.request import ChatRequest
    from workloads.emulator.behaviour.profile import Profile
    from workloads.gateway.configuration.document import Timeouts

_PARTWAY: Final = 0.4
_CUTS: Final = frozenset({Fault.CUT, Fault.CUT_NO_PREFILL})
#: Dialects whose end mark and stop reason are one frame: without it the answer is cut off.
_MARK_IS_THE_REASON: Final = frozenset({"gemini", "ollama"})
_TRUNCATED: Final = ProviderError(ErrorKind.TRUNCATED, "the provider's stream was cut off", 502)
_MALFORMED: Final = ProviderError(ErrorKind.MALFORMED, "the provider sent a frame that is not of its dialect", 502)
_REFUSED: Final = ProviderError(ErrorKind.CONNECTION, "the provider closed the connection", 502)


@dataclass(frozen=True, slots=True)
class Call:
    """One call: seconds from its start to the first token (None: none came) and to its end, what was generated, and the failure.

    ``stall_s`` of it is a silence in the middle.
    """

    end_s: float
    first_s: float | None = None
    tokens: int = 0
    usage: Usage = field(default_factory=Usage)
    error: ProviderError | None = None
    stall_s: float = 0.0


class EmulatedProviders:
    """All emulated providers; ``faults`` maps a provider to what it suffers from now."""

    def __init__(self, profile: Profile, seed: int) -> None:
        self.faults: dict[str, FaultPlan] = {}
        self.in_hand = 0
        self._profile = profile
        self._seed = seed
        self._script = Script(profile, seed)
        self._state = FaultState()
        self._limits: dict[str, RateLimits] = {}
        self._numbers = itertools.count(1)

    def suffer(self, provider: str, plan: FaultPlan) -> None:
        """Begin a fault of ``provider``."""
        self._state.reset()
        self.faults[provider] = plan

    def recover(self, provider: str) -> None:
        """End the fault of ``provider``."""
        self.faults.pop(provider, None)

    def call(self, provider: str, dialect: str, request: ChatRequest, limits: Timeouts, now_s: float) -> Call:
        """Return the course of a call that starts now, with the gateway's time limits applied."""
        return _limited(self._call(provider, dialect, request, now_s), limits)

    def _call(self, provider: str, dialect: str, request: ChatRequest, now_s: float) -> Call:
        profile, number = self._profile, next(self._numbers)
        random = Random(f"{self._seed}/{number}")  # noqa: S311  # the emulator's own numbers
        plan = self._fault_of(provider, request.model, now_s)
        if plan is None and profile.failure_share and random.random() < profile.failure_share:
            plan = parse_fault("unavailable")
        if plan is not None and plan.fault is Fault.RESET:
            return Call(0.0, error=_REFUSED)
        if plan is not None and plan.fault is Fault.SILENT:
            return Call(math.inf)
        prompt = prompt_tokens(request)
        bounds = self._limits.setdefault(provider, RateLimits(profile))
        refused = (refusals.struck(plan, dialect) if plan is not None else None) or refusals.too_long(
            request, prompt, profile.context_tokens
        )
        refused = refused or bounds.take(input_tokens=prompt, output_tokens=request.max_output_tokens or profile.output_tokens, now_s=now_s)
        if refused is not None:
            return Call(0.0, error=refused)
        answer = self._script.answer(request, dialect=dialect, number=number)
        timing = Timing(profile, random, prompt_tokens=prompt, in_hand=self.in_hand)
        return _streamed(plan, dialect, timing, answer.usage, profile.tokens_per_frame)

    def _fault_of(self, provider: str, model: str, now_s: float) -> FaultPlan | None:
        plan = self.faults.get(provider)
        return plan if plan is not None and self._state.strikes(plan, f"{provider}/{model}", now_s) else None


def _streamed(plan: FaultPlan | None, dialect: str, timing: Timing, usage: Usage, tokens_per_frame: int) -> Call:
    """Return the course of an answer that begins, which a fault may cut, stall or spoil."""
    fault, value = (plan.fault, plan.value) if plan is not None else (None, 0.0)
    if fault is Fault.CUT_BEFORE_CONTENT:
        return Call(0.0, usage=Usage(usage.input_tokens, 1), error=_TRUNCATED)
    tokens = usage.output_tokens or 1
    frames = max(1, math.ceil(tokens / tokens_per_frame))
    first_s = timing.first_token_s + (value if fault is Fault.SLOW_START else 0.0)
    breaks_at = max(1, int(frames * (value if fault in _CUTS else _PARTWAY)))
    at_s, stall_s = first_s, 0.0
    for sent in range(1, frames):
        if sent == breaks_at and (fault in _CUTS or fault is Fault.MALFORMED):
            done = sent * tokens_per_frame
            return Call(at_s, first_s, done, Usage(usage.input_tokens, done), _MALFORMED if fault is Fault.MALFORMED else _TRUNCATED)
        if sent == breaks_at and fault is Fault.STALL:
            at_s, stall_s = at_s + value, value
        at_s += timing.frame_s()
    if fault is Fault.NO_TERMINATOR and dialect in _MARK_IS_THE_REASON:
        return Call(at_s, first_s, tokens, usage, _TRUNCATED)
    return Call(at_s, first_s, tokens, usage, stall_s=stall_s)


def _limited(call: Call, limits: Timeouts) -> Call:
    """Return the call as a gateway sees it that gives up after its limits. The head comes with the first token."""
    begins_s = call.end_s if call.first_s is None else call.first_s
    if begins_s > limits.first_byte_s:
        return Call(limits.first_byte_s, error=_timeout("did not answer", "first_byte"))
    if call.stall_s > limits.idle_s and call.first_s is not None:
        done = max(1, int(call.tokens * _PARTWAY))
        streaming_s = (call.end_s - call.first_s - call.stall_s) * _PARTWAY
        end_s = call.first_s + streaming_s + limits.idle_s
        return Call(end_s, call.first_s, done, Usage(call.usage.input_tokens, done), _timeout("stopped sending", "idle"))
    return call


def _timeout(what: str, phase: str) -> ProviderError:
    return ProviderError(ErrorKind.TIMEOUT, f"the provider {what} in time", 504, phase=phase)
