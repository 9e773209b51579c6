"""What doors, faults and autoscalers know of an engine, whichever model is behind it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from foundation.measures.outcome import RequestRecord
    from simulations.kernel import Loop
    from simulations.provenance import NamedCoefficient
    from workloads.engine.spec import EngineSpec


#: Tokens that a hash of a prefix stands for, unless the load says otherwise: vLLM's block.
HASH_TOKENS: Final = 16


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

    def reused(self) -> tuple[int, int]:
        """Return how many tokens of admitted prompts were found in its prefix cache, and how many those prompts have."""

    def audit(self) -> None:
        """Check that what it holds for requests is held once, and nothing for none.

        Raises:
            LedgerError: slots, blocks or seconds were lost or counted twice: a bug in the simulation, never in its input.
        """


class EngineMaker(Protocol):
    """Makes the engines of a run."""

    def __call__(self, name: str, loop: Loop, *, on_end: Callable[[EngineRequest, RequestRecord], None], timeout_s: float) -> Engine:
        """Return a new engine on ``loop``, whose clients wait ``timeout_s`` seconds."""


@dataclass(frozen=True, slots=True)
class Work:
    """What requests ask of engines, each a pair of the tokens of its prompt and of its answer."""

    requests: Sequence[tuple[int, int]]
    over_s: float


class Bounds(Protocol):
    """What an engine takes at least, however it batches: what misses these bounds needs no simulation."""

    def busy_share(self, work: Work) -> float:
        """Return how many engines ``work`` keeps busy at least (utilisation law)."""

    def alone_s(self, prompt_tokens: int, output_tokens: int) -> tuple[float, float]:
        """Return the seconds to the first and to the last token of a request that has an engine for itself."""


class Speed(Protocol):
    """How fast engines are: measured on this machine, or published.

    ``measured`` says which; ``spec`` is the engine that the coefficients are of.
    """

    @property
    def name(self) -> str:
        """Name of the coefficients in a report."""

    @property
    def date(self) -> str:
        """When they were measured or published."""

    @property
    def spec(self) -> EngineSpec:
        """The engine that they are of."""

    @property
    def measured(self) -> bool:
        """Whether they were measured on this machine, so that they hold for ``spec`` only."""

    def engines(self, spec: EngineSpec, *, hash_tokens: int = HASH_TOKENS, group: int = 1) -> EngineMaker:
        """Return how to make engines that are started with ``spec`` and span ``group`` GPUs.

        Each hash of a request's prefix stands for ``hash_tokens`` tokens.
        """

    def bounds(self, spec: EngineSpec, *, group: int = 1) -> Bounds | None:
        """Return what an engine that is started with ``spec`` takes at least; None where that is not known."""

    def paced(self, factor: float, source: str) -> Speed:
        """Return the speed at which a step takes ``factor`` times as long; ``source`` says why."""

    def provenance(self) -> Sequence[NamedCoefficient]:
        """Return every coefficient with its name."""

    def origin(self) -> str:
        """Return a sentence on the source of a prediction's speeds."""

    def doubt(self) -> str | None:
        """Return why a prediction from these coefficients is not valid; None if it is."""
