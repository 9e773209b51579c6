"""What one layer of a model has to read, move and multiply in a step, on each GPU of a tensor-parallel group.

Matrices are split over the group (Shoeybi et al., Megatron-LM, arXiv 1909.08053): each GPU has 1/n of the projections, of the feed-forward
networks and of the heads, and two all-reduces a layer add up what they computed. Keys and values are split by their heads; a group larger
than their number holds copies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulations.hardware import Model


@dataclass(frozen=True, slots=True)
class LayerWork:
    """One layer of ``model`` on one of ``group`` GPUs; ``element_bytes`` a number: 2 for bfloat16."""

    model: Model
    group: int = 1
    element_bytes: float = 2.0

    def weight_bytes(self, tokens: int) -> float:
        """Return the weights that are read: all of a dense layer, and the experts that ``tokens`` tokens are likely to hit."""
        parameters = self.model.attention_parameters + self.model.experts_hit(tokens) * self.model.expert_parameters
        return parameters * self.element_bytes / self.group

    def matrix_flops(self, tokens: int) -> float:
        """Return the operations of all matrix products."""
        active = self.model.attention_parameters + self.model.active_experts * self.model.expert_parameters
        return 2 * active * tokens / self.group

    def attention_flops(self, pairs: float) -> float:
        """Return the operations of attention over ``pairs`` of a prompt token and a token before it: scores, and the sum of values."""
        return 4 * self.model.heads * self.model.head_dim * pairs / self.group

    def kv_bytes(self, tokens: float) -> float:
        """Return the bytes of the keys and values of ``tokens`` tokens."""
        split = min(self.group, self.model.kv_heads)
        return self.model.kv_bytes_per_token(self.element_bytes) / self.model.layers * tokens / split

    def elementwise_bytes(self, tokens: int) -> float:
        """Return the traffic of what is not a product: two norms with their residuals, and the gate of the active networks."""
        norms = 8 * self.model.width
        gate = 3 * self.model.ffn_width * self.model.active_experts / self.group
        return (norms + gate) * tokens * self.element_bytes

    def message_bytes(self, tokens: int) -> float:
        """Return the size of the tensor that one all-reduce adds up."""
        return tokens * self.model.width * self.element_bytes

    def logit_bytes(self) -> float:
        """Return the weights of the projection onto the vocabulary."""
        return self.model.vocabulary * self.model.width * self.element_bytes / self.group
