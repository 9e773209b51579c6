"""The time of a step from its work and the kernels of a GPU.

step = layers * [matrix products + elementwise + attention + launches + 2 all-reduces] + projection onto the vocabulary + host

Rule 1: within a kernel memory and compute overlap, so the slower one counts; kernels follow one another, so their times add up.
Rule 2: the time is linear in the context of generating sequences as long as their number stays the same. An engine relies on it: a run of
such steps has a closed form and is one event.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulations.errors import CalibrationError
from simulations.serving.roofline.work import LayerWork

if TYPE_CHECKING:
    from simulations.hardware import Gpu, Model
    from simulations.serving.roofline.host import Host
    from simulations.serving.roofline.kernels import Kernels


class RooflineTimes:
    """Seconds of the steps of ``model`` on ``group`` GPUs. Pure: the same step always takes the same time.

    Raises:
        CalibrationError: all-reduces within a group of this size were not measured.
    """

    def __init__(self, gpu: Gpu, model: Model, kernels: Kernels, host: Host, *, group: int = 1) -> None:
        if group != 1 and group not in kernels.all_reduce:
            known = ", ".join(map(str, [1, *kernels.all_reduce]))
            raise CalibrationError(f"tensor parallelism over {group} {gpu.name} GPUs: all-reduces are known for groups of {known}")
        self.request_s = host.request_s.value
        self._work = LayerWork(model, group)
        self._layers = model.layers
        self._group = group
        self._kernels = kernels
        self._bandwidth = gpu.bandwidth
        self._peak = gpu.flops["fp16"]
        self._host_s = host.step_s.value
        launches = kernels.layer_s.value
        launches += kernels.head_norms_s.value if model.head_norms else 0.0
        launches += kernels.experts_s.value if model.experts > 1 else 0.0
        self._launches_s = launches
        self.prompt_s = model.layers * kernels.prompt_layer_s.value
        self.context_s = model.layers * self._work.kv_bytes(1) / (gpu.bandwidth * kernels.keys.value)
        self.mixed_context_s = self.context_s * kernels.mixed_keys.value
        self.pair_s = model.layers * self._work.attention_flops(1) / (self._peak * kernels.attention.value)
        self.sequence_s = model.layers * kernels.sequence_layer_s.value + host.sequence_s.value
        self._logits_s = self._work.logit_bytes() / (gpu.bandwidth * kernels.weights.value)
        self._known: dict[int, float] = {}

    def step_s(self, tokens: int, generating: int, context: float, pairs: float) -> float:
        """Return the seconds of a step.

        Args:
            tokens: computed in it, of prompts and of generating sequences.
            generating: sequences of which one token each is computed.
            context: tokens before those, over all of them.
            pairs: of a prompt token and a token before it; 0 if the step has no prompt tokens.
        """
        seconds = self.tokens_s(tokens) + self.sequence_s * generating
        if pairs:
            return seconds + self.mixed_context_s * context + self.prompt_s + self.pair_s * pairs
        return seconds + self.context_s * context

    def generation(self, sequences: int, context: float) -> tuple[float, float]:
        """Return the seconds of a step in which ``sequences`` generate after ``context`` tokens in all, and by how much each next grows."""
        return self.tokens_s(sequences) + self.sequence_s * sequences + self.context_s * context, self.context_s * sequences

    def tokens_s(self, tokens: int) -> float:
        """Return the part of a step that depends on the number of tokens alone."""
        known = self._known.get(tokens)
        if known is None:
            work, kernels, p = self._work, self._kernels, self._kernels.overlap.value
            memory = work.weight_bytes(tokens) / (self._bandwidth * kernels.weights.value)
            compute = work.matrix_flops(tokens) / (self._peak * kernels.matrices.value)
            layer = (memory**p + compute**p) ** (1 / p) + self._launches_s
            layer += work.elementwise_bytes(tokens) / (self._bandwidth * kernels.elementwise.value)
            layer += 2 * kernels.all_reduce_s(self._group, work.message_bytes(tokens))
            known = self._known[tokens] = self._layers * layer + self._logits_s + self._host_s
        return known
