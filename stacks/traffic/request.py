"""One line of a plan."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PlannedRequest:
    """A planned request: intended time in seconds from the start of the run, lengths in tokens.

    ``wire`` is the API that the client speaks, ``route`` the model that it asks the gateway for; empty: the engine's own. ``asks``: what
    kind of question it is (``stacks.environment.traffic.MixedIn``). ``tenant`` is the one whose key it carries; empty: the default one.
    """

    index: int
    at_s: float
    prompt_tokens: int
    output_tokens: int
    wire: str = "openai"
    route: str = ""
    asks: str = "plain"
    tenant: str = ""
