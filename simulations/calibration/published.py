"""The speed of engines on GPUs that this machine lacks, from what others published or measured.

Rule 1: the figures are those of Llama 3.1 8B in 16 bits under vLLM, the best-documented engine. Only the deployed engine's slots and
context apply, but its choice of model is ignored.
Rule 2: each coefficient names its source. Kernels were measured by others on the same GPU or, if marked ``assumed``, on a similar one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from simulations.hardware import gpu, model
from simulations.provenance import Coefficient, NamedCoefficient
from simulations.serving.paged import Limits, PagedEngine
from simulations.serving.paged.limits import blocks_in
from simulations.serving.port import HASH_TOKENS
from simulations.serving.roofline import VLLM, RooflineBounds, RooflineTimes, kernels_of
from workloads.engine.spec import EngineSpec

if TYPE_CHECKING:
    from collections.abc import Callable

    from foundation.measures.outcome import RequestRecord
    from simulations.kernel import Loop
    from simulations.serving.port import EngineMaker, EngineRequest

_MODEL: Final = "llama-3.1-8b"
_SPEC: Final = EngineSpec(model="Llama-3.1-8B, 16 bits")


@dataclass(frozen=True, slots=True)
class Published:
    """The speed of vLLM on one GPU of the model ``gpu_model``, which must be known; ``pace`` times as slow, if that is asked."""

    gpu_model: str
    date: str = "2026-11"
    measured: bool = False
    pace: float = 1.0

    @property
    def name(self) -> str:
        """Name of the coefficients in a report."""
        return f"{self.gpu_model}, published"

    @property
    def spec(self) -> EngineSpec:
        """The engine that the figures are of."""
        return _SPEC

    def engines(self, spec: EngineSpec, *, hash_tokens: int = HASH_TOKENS, group: int = 1) -> EngineMaker:
        """Return how to make engines with the slots and the context of ``spec``, each over ``group`` GPUs.

        Each hash of a request's prefix stands for ``hash_tokens`` tokens.

        Raises:
            TwinError: the model, or the context of one request, does not fit the GPUs.
            CalibrationError: nothing is known of groups of this size.
        """
        limits, times = self._limits(spec, hash_tokens, group), self._times(group)

        def make(name: str, loop: Loop, *, on_end: Callable[[EngineRequest, RequestRecord], None], timeout_s: float) -> PagedEngine:
            return PagedEngine(name, limits, times, loop, on_end=on_end, timeout_s=timeout_s)

        return make

    def bounds(self, spec: EngineSpec, *, group: int = 1) -> RooflineBounds:
        """Return what such an engine takes at least.

        Raises:
            TwinError, CalibrationError: as for :meth:`engines`.
        """
        return RooflineBounds(self._times(group), self._limits(spec, HASH_TOKENS, group))

    def _limits(self, spec: EngineSpec, hash_tokens: int, group: int) -> Limits:
        # Hashes of less than a block cannot be found block by block.
        block = min(hash_tokens, HASH_TOKENS)
        blocks = blocks_in(gpu(self.gpu_model), model(_MODEL), group=group, block_tokens=block)
        return Limits(blocks, spec.slots, spec.context_tokens, block_tokens=block, hash_tokens=hash_tokens)

    def _times(self, group: int) -> RooflineTimes:
        card = gpu(self.gpu_model)
        slower = replace(card, bandwidth=card.bandwidth / self.pace, flops={name: peak / self.pace for name, peak in card.flops.items()})
        return RooflineTimes(slower, model(_MODEL), kernels_of(self.gpu_model), VLLM, group=group)

    def provenance(self) -> list[NamedCoefficient]:
        """Return every coefficient with its name, as reports list them."""
        card = gpu(self.gpu_model)
        source = card.sources
        sheet = [
            ("memory", Coefficient(card.memory_bytes, "bytes", "published", source["memory_bytes"])),
            ("bandwidth", Coefficient(card.bandwidth, "bytes/s", "published", source["bandwidth"])),
            ("peak", Coefficient(card.flops["fp16"], "FLOP/s", "published", source["flops.fp16"])),
        ]
        host = [("host_step_s", VLLM.step_s), ("host_sequence_s", VLLM.sequence_s), ("host_request_s", VLLM.request_s)]
        return [NamedCoefficient(name, coefficient) for name, coefficient in (*sheet, *kernels_of(self.gpu_model).named(), *host)]

    def paced(self, factor: float, source: str) -> Published:  # noqa: ARG002  # nothing of it is measured
        """Return the same GPU with memory and compute ``factor`` times as slow; launches and the host stay as they are."""
        return replace(self, pace=self.pace * factor)

    def origin(self) -> str:
        """Return a sentence on the source of a prediction's speeds."""
        return (
            f"The engines on {self.gpu_model} are simulated from published figures of {_SPEC.model} under vLLM, "
            "not of the engine and the model that the Deployment names."
        )

    def doubt(self) -> str | None:
        """Return None: there is no measurement to doubt, and the report says so elsewhere."""
        return None


def published(gpu_model: str) -> Published:
    """Return coefficients for ``gpu_model``, named as in the price book.

    Raises:
        CalibrationError: the GPU model is unknown; the message lists the known ones.
    """
    return Published(gpu(gpu_model).name)
