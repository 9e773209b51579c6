"""The scenario language of the twin: ``traffic=2x``, ``spot=0.7``, ``traffic=2x+zone-lost=eu-north-1a``.

Rule 1: a scenario is data; ``changes.py`` applies it.
Rule 2: anything that cannot be parsed is an error that lists every kind on a line of its own.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, replace
from typing import Final

from foundation.formats.changes import TIME, Change, ChangeSyntaxError, parse_changes
from stacks.errors import ConfigurationError
from workloads.emulator.behaviour.faults import parse_fault


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of change: its syntax, its meaning, the format of its value and, for a number, the bounds in words."""

    example: str
    meaning: str
    form: re.Pattern[str]
    bounds: str = ""


def _form(pattern: str) -> re.Pattern[str]:
    """Return the pattern of a value; ASCII, so that digits of other scripts do not match."""
    return re.compile(pattern, re.ASCII)


_FACTOR: Final = _form(r"(\d{1,9}(?:\.\d+)?)x")
_DURATION: Final = _form(rf"({TIME})")
_SHARE: Final = _form(r"(0(?:\.\d+)?|1(?:\.0+)?|\.\d+)")
_PLACE: Final = _form(r"([\w.-]+)")

KINDS: Final[dict[str, Kind]] = {
    "traffic": Kind("traffic=2x", "the rate of requests times a factor", _FACTOR, "above 0 and below 1,000,000,000"),
    "ramp": Kind(
        "ramp=4x@5m+10m",
        "the rate changes to this multiple, from a time on and within a length; without a length at once",
        _FACTOR,
        "0 or more, below 1,000,000,000",
    ),
    "replicas": Kind(
        "replicas=5, replicas=+1, replicas=-1", "engine replicas: this many, more or fewer", _form(r"([+-]?\d{1,4})"), "at most 9,999"
    ),
    "slots": Kind("slots=8", "requests that one engine decodes together", _form(r"([1-9]\d{0,3})"), "1 to 9,999"),
    "gpu": Kind("gpu=A100-80GB", "the engine's nodes with another GPU model: its price, its published speed", _form(r"([\w.-]+)")),
    "tensor-parallel": Kind("tensor-parallel=2", "GPUs that each engine spans; the nodes grow to fit", _form(r"([1-9]\d?)"), "1 to 99"),
    "spot-nodes": Kind("spot-nodes=0.5", "share of the engine's nodes that are bought as spot", _SHARE, "0 to 1"),
    "spot": Kind("spot=0.7", "share of the time that spot nodes are available, 0 to 1", _SHARE, "0 to 1"),
    "zone-lost": Kind("zone-lost=eu-north-1a", "every node of a zone is lost during the run; `@200s+5m`: when, and for how long", _PLACE),
    "node-lost": Kind("node-lost=gpu", "one node of a pool, or the node of this name, is lost during the run; `@200s+5m` likewise", _PLACE),
    "model-load": Kind("model-load=3m", "from a pod with a node to an engine with its model loaded", _DURATION, "such as 90s or 3m"),
    "provision": Kind("provision=2m", "until an added node is ready", _DURATION, "such as 90s or 5m"),
    # A platform that costs more than the most expensive row of a price book times this is a typing error, and would not fit on the page.
    "price": Kind("price=1.2x", "every price of the book times a factor", _form(r"(\d{1,4}(?:\.\d+)?)x"), "above 0 and below 10,000"),
}


#: A provider of the gateway fails; its name is the kind, so that faults of a rehearsal and of a question read alike.
_PROVIDER: Final = Kind("anthropic=503@20s+15s", "a provider of the gateway fails, as the emulator can (`--fault`)", _form(r".+"))

#: Kinds that may be given several times: two zones can be lost together, but there is one rate of requests.
_REPEATABLE: Final = frozenset({"zone-lost", "node-lost"})
#: Kinds that happen during the run, so that they may say when: ``zone-lost=us-east-1a@200s+5m``.
_TIMED: Final = frozenset({"zone-lost", "node-lost", "ramp"})


class UnknownScenarioError(ConfigurationError):
    """An invalid scenario; the message lists every kind."""

    def __init__(self, text: str, reason: str) -> None:
        kinds = "\n".join(f"  {kind.example:<38} {kind.meaning}" for kind in (*KINDS.values(), _PROVIDER))
        stop = "" if reason.endswith("?") else "."
        super().__init__(f"scenario {text!r}: {reason}{stop}\nScenarios, combined with `+`:\n{kinds}")


@dataclass(frozen=True, slots=True)
class Scenario:
    """A combination of changes. No change is the baseline."""

    name: str
    changes: tuple[Change, ...] = ()

    def value(self, kind: str) -> str | None:
        """Return the value of the change of this kind, or None."""
        return next(iter(self.values(kind)), None)

    def values(self, kind: str) -> tuple[str, ...]:
        """Return the values of the changes of this kind; several if several places are lost together."""
        return tuple(change.value for change in self.of_kind(kind))

    @property
    def faults(self) -> tuple[Change, ...]:
        """Return the faults of providers."""
        return tuple(change for change in self.changes if change.kind not in KINDS)

    def of_kind(self, kind: str) -> tuple[Change, ...]:
        """Return the changes of this kind."""
        return tuple(change for change in self.changes if change.kind == kind)


BASELINE: Final = Scenario("baseline")


def parse_scenario(text: str) -> Scenario:
    """Read a scenario.

    >>> [(c.kind, c.value) for c in parse_scenario("traffic=2x+replicas=+1").changes]
    [('traffic', '2'), ('replicas', '+1')]

    Raises:
        UnknownScenarioError: a kind is unknown or given twice (places that are lost may differ), or a value has the wrong form.
    """
    try:
        parts = parse_changes(text)
    except ChangeSyntaxError as error:
        raise UnknownScenarioError(text, str(error)) from error
    changes: list[Change] = []
    for part in parts:
        change = _checked(text, part)
        if any(other == change or (other.kind == change.kind and change.kind not in _REPEATABLE) for other in changes):
            given = f"{part.kind}={part.value}" if part.kind in _REPEATABLE else part.kind
            raise UnknownScenarioError(text, f"{given!r} is given twice")
        changes.append(change)
    return Scenario(text.strip(), tuple(changes))


def _checked(text: str, part: Change) -> Change:
    """Return ``part`` with its value normalised: without the ``x`` of a factor."""
    if part.kind not in KINDS and part.start_s is not None and parse_fault(part.value) is not None:
        return part
    if part.kind not in KINDS:
        near = difflib.get_close_matches(part.kind, KINDS, n=1, cutoff=0.5)
        raise UnknownScenarioError(text, f"{part.kind!r} is not a kind of scenario" + (f", did you mean {near[0]!r}?" if near else ""))
    kind = KINDS[part.kind]
    match = kind.form.fullmatch(part.value)
    bounds = f" ({kind.bounds})" if kind.bounds else ""
    if match is None or (part.kind in {"traffic", "price"} and float(match[1]) == 0):
        raise UnknownScenarioError(text, f"{part.value!r} is not a value for {part.kind!r}; write {kind.example}{bounds}")
    if part.kind == "ramp" and part.start_s is None:
        raise UnknownScenarioError(text, f"{part.kind!r} says no start; write {kind.example}")
    if part.start_s is not None and part.kind not in _TIMED:
        raise UnknownScenarioError(text, f"{part.kind!r} applies to the whole run and has no start; leave out the part after @")
    return replace(part, value=match[1])
