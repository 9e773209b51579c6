"""The models that can be simulated, by their architecture (``models.toml``): decoders with grouped-query attention and gated networks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from simulations.hardware.tables import read, row

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Model:
    """A decoder: widths in elements, ``sources`` with the source of each field.

    A layer has projections for ``heads`` queries and ``kv_heads`` keys and values of ``head_dim`` each, and ``experts`` gated
    feed-forward networks of three matrices ``width`` x ``ffn_width``, of which a token uses ``active_experts``.
    """

    name: str
    layers: int
    width: int
    heads: int
    kv_heads: int
    head_dim: int
    ffn_width: int
    vocabulary: int
    experts: int
    active_experts: int
    head_norms: bool
    sources: Mapping[str, str]

    @property
    def attention_parameters(self) -> int:
        """Parameters of a layer's four projections."""
        return self.width * self.head_dim * (2 * self.heads + 2 * self.kv_heads)

    @property
    def expert_parameters(self) -> int:
        """Parameters of one feed-forward network of a layer."""
        return 3 * self.width * self.ffn_width

    @property
    def parameters(self) -> int:
        """All parameters; norms and biases are left out (less than 0.01 %)."""
        layer = self.attention_parameters + self.experts * self.expert_parameters + self._router_parameters
        return self.layers * layer + 2 * self.vocabulary * self.width

    @property
    def active_parameters(self) -> int:
        """Parameters that a token is multiplied with."""
        layer = self.attention_parameters + self.active_experts * self.expert_parameters + self._router_parameters
        return self.layers * layer + self.vocabulary * self.width

    def kv_bytes_per_token(self, element_bytes: float = 2.0) -> float:
        """Return the bytes of one token's keys and values over all layers and GPUs."""
        return 2 * self.layers * self.kv_heads * self.head_dim * element_bytes

    def experts_hit(self, tokens: int) -> float:
        """Return how many of a layer's experts ``tokens`` tokens use, on average.

        Each token chooses ``active_experts`` of ``experts``; without a preference an expert is missed by one token with probability
        1 - active / experts. Real routers have preferences, so real batches hit somewhat fewer.
        """
        if self.experts == 1:
            return 1.0
        return self.experts * (1 - (1 - self.active_experts / self.experts) ** tokens)

    @property
    def _router_parameters(self) -> int:
        return self.width * self.experts if self.experts > 1 else 0


@cache
def models() -> Mapping[str, Model]:
    """Return all of them by name."""
    found = {}
    for name, values, sources in read("models.toml"):
        numbers = {key: int(value) for key, value in values.items()}
        head_norms = bool(numbers.pop("head_norms"))
        found[name] = Model(name, **numbers, head_norms=head_norms, sources=sources)
    return found


def model(name: str) -> Model:
    """Return the model of this name.

    Raises:
        CalibrationError: it is unknown; the message lists the known ones.
    """
    return row(models(), name, "model")
