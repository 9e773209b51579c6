"""The inputs of a stack's prediction, each made smaller and larger: traffic, lengths, the engine's speed, replicas, slots."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandtable.jobs.whatif import Stack
    from simulations.capacity import Change
    from simulations.whatif.inquiry import Inquiry
    from stacks.environment.traffic import Lengths

#: What an input that has no natural step is multiplied by.
FACTORS = (0.8, 1.2)


def inputs(stack: Stack, *, seed: int, replications: int) -> Iterator[tuple[str, Sequence[Change[Inquiry]]]]:
    """Yield every input with its changes; a trace keeps its lengths."""
    from simulations.capacity import Change
    from simulations.deployed import DeployedEngines
    from simulations.whatif import parse_scenario

    def changed(words: str, scenario: str = "", **changes: Any) -> Change[Inquiry]:
        asked = [parse_scenario(scenario)] if scenario else []
        return Change(words, replace(stack, **changes).inquiry(asked, seed=seed, replications=replications))

    def with_traffic(words: str, **changes: Any) -> Change[Inquiry]:
        traffic = stack.environment.traffic.model_copy(update=changes)
        return changed(words, environment=stack.environment.model_copy(update={"traffic": traffic}))

    traffic, engines = stack.environment.traffic, DeployedEngines.from_graph(stack.graph)
    if traffic.trace is None:
        yield "requests/s", [with_traffic(_times(factor), rate_per_s=traffic.rate_per_s * factor) for factor in FACTORS]
        yield "tokens of a prompt", [with_traffic(_times(f), prompt_tokens=_longer(traffic.prompt_tokens, f)) for f in FACTORS]
        yield "tokens of an answer", [with_traffic(_times(f), output_tokens=_longer(traffic.output_tokens, f)) for f in FACTORS]
    else:
        yield "requests/s", [changed(_times(factor), f"traffic={factor}x") for factor in FACTORS]
    yield "time of an engine's step", [changed(_times(factor), speed_of=stack.speed_of.slower(factor)) for factor in FACTORS]
    yield "engine replicas", [changed("1 less", "replicas=-1"), changed("1 more", "replicas=+1")]
    slots = engines.spec.slots
    yield "slots of an engine", [changed(f"{number}", f"slots={number}") for number in (slots // 2, slots * 2) if number]


def _times(factor: float) -> str:
    return f"{factor - 1:+.0%}".replace("%", " %")


def _longer(lengths: Lengths, factor: float) -> Lengths:
    """Return the lengths times ``factor``, bounds included."""
    quantiles = lengths.quantiles and [(share, tokens * factor) for share, tokens in lengths.quantiles]
    scaled = {"low": max(1, round(lengths.low * factor)), "high": max(1, round(lengths.high * factor)), "quantiles": quantiles}
    return lengths.model_copy(update={**scaled, "mean": lengths.mean and lengths.mean * factor})
