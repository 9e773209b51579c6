"""Fits ``kernels.toml`` to the kernels that AISimulate has measured; a program for maintainers, never needed to run the twin.

    python -m venv oracle
    oracle/bin/pip install --pre --only-binary=:all: --no-deps aisimulate pydantic pydantic-core annotated-types typing-extensions \
        typing-inspection pyyaml packaging numpy scipy
    PYTHONPATH=. oracle/bin/python -m simulations.serving.roofline.fitting

Rule 1: every coefficient is fitted to the kernels of its own cause, so that none makes up for another's error. A residual counts by its
share of the step.
Rule 2: fitted are dense steps of Llama 3.1 8B and 70B on one to four GPUs. What only other models have (norms of heads, experts) is what a
Qwen 3 model takes longer. Everything else in the oracle is held out, and the errors of both are printed apart.
Rule 3: the steps of the validation row ``kernels`` are written beside the row, as the oracle gives them.
"""

from __future__ import annotations

import csv
import importlib.metadata
import itertools
import statistics
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from simulations.hardware import Gpu, Model, gpu, model
from simulations.serving.roofline.host import Host
from simulations.serving.roofline.kernels import TABLE, UNITS, kernels_from
from simulations.serving.roofline.times import RooflineTimes
from simulations.serving.roofline.work import LayerWork

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

SYSTEMS: Final = {
    "H100": "h100_sxm",
    "H200": "h200_sxm",
    "A100-80GB": "a100_sxm",
    "L40S": "l40s",
    "RTX-PRO-6000": "rtx_pro_6000_server",
}
#: GPUs that nobody measured, the measured one of their generation, and why it stands for them.
LIKE: Final = {
    "A100": ("A100-80GB", "the same chip"),
    "L4": ("L40S", "the same generation"),
    "RTX-4090": ("RTX-PRO-6000", "a card of the same class, whose recorded run it predicts to 3 %"),
}
#: The kernels that vLLM chooses for steps of prompts and single tokens; AISimulate does not measure such steps.
_FA3: Final = (1.0, "assumed", "FlashAttention 3 packs the queries of a group and splits contexts, so nothing is lost in mixed steps")
_FA2: Final = (3.0, "assumed", "FlashAttention 2, as on an RTX PRO 6000")
MIXED: Final = {
    "H100": _FA3,
    "H200": _FA3,
    "A100-80GB": _FA2,
    "L40S": _FA2,
    "RTX-PRO-6000": (
        3.0,
        "derived",
        "fitted to a vLLM 0.19 run with FlashAttention 2; one on an RTX 4090 does not tell it from the host's time",
    ),
}
MODELS: Final = {
    "llama-3.1-8b": "meta-llama/Meta-Llama-3.1-8B",
    "llama-3.1-70b": "meta-llama/Meta-Llama-3.1-70B",
    "qwen3-8b": "Qwen/Qwen3-8B",
    "qwen3-32b": "Qwen/Qwen3-32B",
    "qwen3-30b-a3b": "Qwen/Qwen3-30B-A3B",
}
FITTED: Final = ("llama-3.1-8b", "llama-3.1-70b")
GROUPS: Final = (1, 2, 4)
MESSAGE_TOKENS: Final = (1, 4, 16, 32, 64, 128, 256, 512, 1024, 4096, 8192)
DECODES: Final = tuple(itertools.product((1, 2, 4, 8, 16, 32, 64), (512, 1024, 2048, 4096, 8192)))
PROMPTS: Final = (128, 256, 512, 1024, 2048, 4096, 8192)
ROW: Final = Path("simulations/validation/published/serving/kernels.csv")


class Step(NamedTuple):
    """A step: ``batch`` sequences that generate after ``context`` tokens each, or a prompt of ``context`` tokens (batch 0)."""

    model: Model
    group: int
    batch: int
    context: int

    @property
    def tokens(self) -> int:
        """Tokens computed."""
        return self.batch or self.context

    @property
    def pairs(self) -> float:
        """Pairs of a prompt token and one before it."""
        return 0.0 if self.batch else self.context * (self.context + 1) / 2


@dataclass(frozen=True)
class Measured:
    """What the oracle says of a step: milliseconds by kernel, over all layers."""

    step: Step
    kernels: dict[str, float]

    @cached_property
    def seconds(self) -> float:
        """The whole step."""
        return sum(self.kernels.values()) / 1e3

    def layer_s(self, *names: str) -> float:
        """Seconds of these kernels in one layer."""
        return sum(ms for kernel, ms in self.kernels.items() if kernel in names) / 1e3 / self.step.model.layers

    @property
    def share(self) -> float:
        """Weight of a second of a layer: its share of the step."""
        return self.step.model.layers / self.seconds


class Oracle:
    """AISimulate's measured kernels for one GPU."""

    def __init__(self, system: str) -> None:
        self._system = system
        self._timers: dict[tuple[str, int], Any] = {}

    def __call__(self, step: Step) -> Measured:
        """Return the kernels of ``step``."""
        batch, prefill = (step.batch, False) if step.batch else (1, True)
        found = self._timer(step).static_phase_diagnostics(batch_size=batch, context_length=step.context, prefill=prefill)
        return Measured(step, {one["name"].partition("_")[2]: one["latency_ms"] for one in found})

    def _timer(self, step: Step) -> Any:
        from aisimulate_core.sdk import ForwardPassPerfModelConfig, RustForwardPassPerfModel

        key = (step.model.name, step.group)
        if key not in self._timers:
            experts = {"moe_tp_size": step.group, "moe_ep_size": 1} if step.model.experts > 1 else {}
            config = ForwardPassPerfModelConfig(
                model=MODELS[step.model.name],
                system=self._system,
                backend="vllm",
                worker_type="aggregated",
                tp=step.group,
                estimation_mode="op_level",
                **experts,
            )
            self._timers[key] = RustForwardPassPerfModel.best_available(config)
        return self._timers[key]


def steps(names: Iterable[str], groups: Iterable[int] = GROUPS) -> list[Step]:
    """Return the grid of the validation row for the models ``names``."""
    return [
        Step(model(name), group, batch, context)
        for name in names
        for group in groups
        for batch, context in (*DECODES, *((0, prompt) for prompt in PROMPTS))
    ]


def fit(found: Sequence[Measured], bounds: Sequence[Sequence[float]], seconds: Any, part: Any) -> Any:
    """Return the coefficients with which ``seconds(x, step)`` is nearest to ``part(measured)``, in shares of the step.

    ``bounds`` are the start, the lowest and the highest value of each.
    """
    from scipy.optimize import least_squares

    def residuals(x: Any) -> Any:
        return np.array([(seconds(x, one.step) - part(one)) * one.share for one in found])

    start, low, high = bounds
    return least_squares(residuals, start, bounds=(low, high), x_scale=np.maximum(np.abs(start), 1e-7)).x


def coefficients(name: str, oracle: Oracle) -> dict[str, Any]:
    """Return the row of the GPU ``name``."""
    card = gpu(name)
    found = [oracle(step) for step in steps(FITTED)]
    generating, prompts = [one for one in found if one.step.batch], [one for one in found if not one.step.batch]

    def products(x: Any, step: Step) -> float:
        work, (launch, weights, matrices, p) = LayerWork(step.model, step.group), x
        memory = work.weight_bytes(step.tokens) / (card.bandwidth * weights)
        compute = work.matrix_flops(step.tokens) / (card.flops["fp16"] * matrices)
        return float(launch + (memory**p + compute**p) ** (1 / p))

    def elementwise(x: Any, step: Step) -> float:
        return float(x[0] + LayerWork(step.model, step.group).elementwise_bytes(step.tokens) / (card.bandwidth * x[1]))

    def reading(x: Any, step: Step) -> float:
        work = LayerWork(step.model, step.group)
        return float(x[0] + x[1] * step.batch + work.kv_bytes(step.batch * step.context) / (card.bandwidth * x[2]))

    def attention(x: Any, step: Step) -> float:
        return float(x[0] + LayerWork(step.model, step.group).attention_flops(step.pairs) / (card.flops["fp16"] * x[1]))

    products_of = ("qkv_gemm", "proj_gemm", "gate_ffn1_gemm", "ffn2_gemm")
    rest_of = ("add_norm_1", "add_norm_2", "act_gate")
    launch, weights, matrices, overlap = fit(
        found, ((5e-6, 0.8, 0.7, 3), (0, 0.3, 0.2, 1), (1e-4, 1, 1, 20)), products, lambda one: one.layer_s(*products_of)
    )
    norms, traffic = fit(found, ((9e-6, 0.8), (0, 0.05), (1e-4, 1)), elementwise, lambda one: one.layer_s(*rest_of))
    read, sequence, keys = fit(generating, ((1e-5, 1e-8, 0.8), (0, 0, 0.2), (2e-4, 1e-5, 1)), reading, lambda one: one.layer_s("attention"))
    prompt, pairs = fit(prompts, ((2e-5, 0.5), (0, 0.05), (5e-4, 1)), attention, lambda one: one.layer_s("attention"))
    row = {
        "weights": weights,
        "matrices": matrices,
        "overlap": overlap,
        "keys": keys,
        "attention": pairs,
        "elementwise": traffic,
        "layer_s": launch + norms + read,
        "prompt_layer_s": max(0.0, prompt - read),
        "sequence_layer_s": sequence,
        "head_norms_s": 0.0,
        "experts_s": 0.0,
        "all_reduce": all_reduces(oracle),
    }
    row["head_norms_s"] = extra(card, row, oracle, "qwen3-8b")
    row["experts_s"] = extra(card, row, oracle, "qwen3-30b-a3b")
    return row


def all_reduces(oracle: Oracle) -> dict[int, list[tuple[float, float]]]:
    """Return the seconds of an all-reduce by bytes for groups of 2, 4 and 8."""
    wide = model("llama-3.1-8b")
    return {
        group: [
            (
                LayerWork(wide, group).message_bytes(tokens),
                oracle(Step(wide, group, 0, tokens) if tokens > 256 else Step(wide, group, tokens, 512)).layer_s("ar_1"),
            )
            for tokens in MESSAGE_TOKENS
        ]
        for group in (2, 4, 8)
    }


def extra(card: Gpu, row: dict[str, Any], oracle: Oracle, name: str) -> float:
    """Return the seconds by which a layer of the model ``name`` takes longer than ``row`` says, in the median.

    Only batches of one or two count, where it is known how many experts they hit.
    """
    times = times_of(card, row, name, 1)
    late = [oracle(step) for step in steps([name], [1]) if 1 <= step.batch <= 2]
    return max(0.0, statistics.median((one.seconds - seconds_of(times, one.step)) / one.step.model.layers for one in late))


def times_of(card: Gpu, row: dict[str, Any], name: str, group: int) -> RooflineTimes:
    """Return the model's times with the coefficients of ``row``."""
    return RooflineTimes(
        card, model(name), kernels_from({"source": "", "mixed_keys": MIXED["H100"], **row}, "derived"), Host.none(), group=group
    )


def seconds_of(times: RooflineTimes, step: Step) -> float:
    """Return what ``times`` says of ``step``."""
    return times.step_s(step.tokens, step.batch, step.batch * step.context, step.pairs)


def errors(card: Gpu, row: dict[str, Any], oracle: Oracle, chosen: Iterable[Step]) -> list[float]:
    """Return the relative errors over ``chosen``."""
    found: list[float] = []
    for (name, group), members in itertools.groupby(chosen, key=lambda step: (step.model.name, step.group)):
        times = times_of(card, row, name, group)
        found += [seconds_of(times, step) / oracle(step).seconds - 1 for step in members]
    return found


def report(card: Gpu, row: dict[str, Any], oracle: Oracle, write: Callable[[str], object]) -> None:
    """Print the errors in the sample and outside of it."""
    samples = {
        "fitted: Llama 3.1 8B and 70B, 1 to 4 GPUs": steps(FITTED),
        "unseen: 8 GPUs": steps(FITTED, [8]),
        "unseen: Qwen 3 32B": steps(["qwen3-32b"]),
        "unseen: Qwen 3 30B-A3B on 2 and 4 GPUs": steps(["qwen3-30b-a3b"], [2, 4]),
    }
    for title, chosen in samples.items():
        found = errors(card, row, oracle, chosen)
        mean, worst = statistics.fmean(map(abs, found)), max(map(abs, found))
        write(f"{card.name:14} {title:44} n={len(found):4}  mean {mean:6.1%}  worst {worst:6.1%}  bias {statistics.fmean(found):+6.1%}\n")


def table(rows: dict[str, dict[str, Any]], version: str) -> str:
    """Return the text of ``kernels.toml``."""
    lines = ["# Written by `python -m simulations.serving.roofline.fitting`; the units are in kernels.py.", ""]
    for name, row in rows.items():
        lines += [f"[{name}]", f'source = "fitted to AISimulate {version}: {SYSTEMS[name]}, vLLM, bfloat16, Llama 3.1 8B and 70B"']
        lines += [f"{key} = {row[key]:.4g}" for key in UNITS]
        ratio, origin, why = MIXED[name]
        lines.append(f'mixed_keys = [{ratio}, "{origin}", "{why}"]')
        for group, points in row["all_reduce"].items():
            lines.append(f"all_reduce.{group} = [{', '.join(f'[{size:.0f}, {seconds:.4g}]' for size, seconds in points)}]")
        lines.append("")
    for name, (like, because) in LIKE.items():
        lines += [f"[{name}]", f'like = "{like}"', f'because = "{because}"', ""]
    return "\n".join(lines)


def main() -> None:
    """Fit every GPU, print the errors, and write the table and the steps of the row."""
    version = importlib.metadata.version("aisimulate")
    rows: dict[str, dict[str, Any]] = {}
    expected: list[tuple[object, ...]] = []
    for name, system in SYSTEMS.items():
        oracle = Oracle(system)
        rows[name] = coefficients(name, oracle)
        report(gpu(name), rows[name], oracle, sys.stdout.write)
        expected += [(name, s.model.name, s.group, s.batch, s.context, f"{oracle(s).seconds * 1e3:.4g}") for s in steps(FITTED)]
    TABLE.write_text(table(rows, version))
    ROW.parent.mkdir(parents=True, exist_ok=True)
    with ROW.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("gpu", "model", "group", "batch", "context", "ms"))
        writer.writerows(expected)


if __name__ == "__main__":
    main()
