"""What the processor does for each request and step while the GPU waits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Final, Self

from simulations.provenance import Coefficient


@dataclass(frozen=True, slots=True)
class Host:
    """Seconds of a step, of a step and sequence in it, and of a request before its first step (connection, tokens, queues)."""

    step_s: Coefficient
    sequence_s: Coefficient
    request_s: Coefficient

    @classmethod
    def none(cls) -> Self:
        """Return a host that takes no time: what the kernels alone take."""
        nothing = partial(Coefficient, 0.0, provenance="assumed", source="kernels alone")
        return cls(nothing(unit="s/step"), nothing(unit="s/(step * sequence)"), nothing(unit="s/request"))


_BLIS: Final = "BLIS (inference-sim), trained-physics coefficients, 2026"

#: vLLM. Where a run was recorded, its own ``step_s`` is better: processors differ more than GPUs do.
VLLM: Final = Host(
    step_s=Coefficient(1.1e-3, "s/step", "derived", "fitted to vLLM 0.19 runs: 1.2 ms beside an RTX 4090, 1.0 ms beside an RTX PRO 6000"),
    sequence_s=Coefficient(4e-6, "s/(step * sequence)", "published", f"{_BLIS}: 4 us a request"),
    request_s=Coefficient(16.38e-3, "s/request", "published", f"{_BLIS}: 15.6 ms before and 0.78 ms after the steps"),
)
