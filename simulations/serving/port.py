"""What doors, faults and autoscalers know of an engine, whichever model is behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class EngineRequest:
    """A request as it reaches the engine; ``index`` is unique within the run.

    ``prefix`` are the hashes of the prompt's blocks, each of which also stands for the blocks before it; requests that begin with the same
    hashes begin with the same text. Empty where nothing is known of the text.
    """

    index: int
    at_s: float
    prompt_tokens: int
    output_tokens: int
    prefix: tuple[int, ...] = ()


class Engine(Protocol):
    """One replica. It reports the end of each request once, to the callback that it was made with."""

    steps: int

    def offer(self, request: EngineRequest) -> None:
        """Accept a request that arrives now."""

    def fail_all(self, why: str) -> None:
        """Fail all requests in flight, as when the replica is lost."""

    def outstanding(self) -> int:
        """Return how many requests it has, running and waiting."""

    def outstanding_tokens(self) -> int:
        """Return the prompt tokens of the requests that it has: how long their answers will be, nobody knows."""
