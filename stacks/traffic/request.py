"""One line of a plan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict


class Way(TypedDict, total=False):
    """How a request asks: fields of :class:`PlannedRequest`."""

    wire: str
    route: str
    asks: str
    tenant: str


@dataclass(frozen=True, slots=True)
class PlannedRequest:
    """A planned request: intended time in seconds from the start of the run, lengths in tokens.

    ``wire`` is the API that the client speaks, ``route`` the model that it asks the gateway for; empty: the engine's own. ``asks``: what
    kind of question it is (``stacks.environment.traffic.MixedIn``). ``tenant`` is the one whose key it carries; empty: the default one.
    ``text`` is the number of its text where texts may come twice: that of the first request that says it. None: a text of its own.
    ``blocks`` are the hashes of its prompt's blocks of ``block_tokens`` tokens, if a trace has them: prompts that begin alike share them.
    """

    index: int
    at_s: float
    prompt_tokens: int
    output_tokens: int
    wire: str = "openai"
    route: str = ""
    asks: str = "plain"
    tenant: str = ""
    text: int | None = None
    blocks: tuple[int, ...] = ()
    block_tokens: int = 0
