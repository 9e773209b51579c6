"""Two recorded runs of vLLM 0.19 with Llama 3.1 8B: fitted on each GPU, and predicted on the other with what was fitted.

What is fitted on one machine are two causes (``simulations/serving/replay.py``); GPU and model come from their tables. The number of
key-value blocks was recorded beside the RTX 4090; on the RTX PRO 6000 they never run out.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from simulations.hardware import gpu, model
from simulations.serving.paged import Limits
from simulations.serving.paged.limits import blocks_in
from simulations.serving.replay import Setup, fit, read_recorded, summary
from simulations.serving.roofline import kernels_of
from simulations.validation.row import Figure, Row
from simulations.validation.tolerance import REPORTED, relative

_MODEL: Final = "llama-3.1-8b"
_CONTEXT: Final = 32_768


class _Run(NamedTuple):
    """A recorded run; ``blocks`` is None where they were not recorded."""

    gpu: str
    folder: str
    sequences: int
    blocks: int | None


_RUNS: Final = (
    _Run("RTX-4090", "vllm_0_19/RTX4090_Llama-3.1-8B", 256, 2588),
    _Run("RTX-PRO-6000", "vllm_0_19/RTXPRO6000_Llama-3.1-8B", 128, None),
)
#: In-sample tolerances of the means; quantiles and the other GPU are reported.
_MEANS: Final = {"ttft mean": relative(0.05), "tpot mean": relative(0.03), "e2e mean": relative(0.03)}
_TRANSFER: Final = relative(0.15)


def _measure(data: Path) -> Iterator[Figure]:
    recorded = [read_recorded(data / run.folder / "requests.jsonl") for run in _RUNS]
    setups = [_setup(run) for run in _RUNS]
    fitted = [fit(setup, requests, measured) for setup, (requests, measured) in zip(setups, recorded, strict=True)]
    for index, run in enumerate(_RUNS):
        other = 1 - index
        for at, what, tolerances in (
            (index, f"{run.gpu}, in-sample", _MEANS),
            (other, f"{_RUNS[other].gpu}, fitted on {run.gpu}", dict.fromkeys(_MEANS, _TRANSFER)),
        ):
            requests, measured = recorded[at]
            expected, got = summary(measured), summary(setups[at].replay(requests, fitted[index]))
            for name, value in expected.items():
                tolerance = tolerances.get(name, REPORTED)
                yield Figure(f"{what}: {name}, ms", value, got[name], len(requests), tolerance=tolerance)


def _setup(run: _Run) -> Setup:
    card, decoder = gpu(run.gpu), model(_MODEL)
    return Setup(Limits(run.blocks or blocks_in(card, decoder), run.sequences, _CONTEXT), card, decoder, kernels_of(run.gpu))


ROW: Final = Row(
    id="vllm-0.19",
    setup="300 requests at 10 a second, 257,239 tokens in and 195,753 out, on an RTX 4090 (2,588 blocks) and an RTX PRO 6000",
    source="casys-kaist/LLMServingSim 5daddb2, recorded runs of vLLM 0.19.0",
    expected="mean TTFT, TPOT and E2E of the runs",
    tolerance=relative(0.15),
    measure=_measure,
    files=tuple(f"{run.folder}/requests.jsonl" for run in _RUNS),
    limits="GPUs with FlashAttention 3, several GPUs and models with experts: no such run was recorded",
)
