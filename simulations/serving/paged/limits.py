"""The settings of an engine with paged attention, by vLLM's names where it has one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulations.errors import TwinError

if TYPE_CHECKING:
    from simulations.hardware import Gpu, Model


@dataclass(frozen=True, slots=True)
class Limits:
    """What an engine takes at once.

    ``blocks`` of ``block_tokens`` tokens hold keys and values (``num_gpu_blocks``, ``block_size``); a step computes up to
    ``batched_tokens`` (``max_num_batched_tokens``) of up to ``sequences`` requests (``max_num_seqs``); a request has up to
    ``context_tokens`` (``max_model_len``). With ``prefix_caching`` blocks stay until they are needed for others. ``hash_tokens`` is the
    number of tokens that each hash of a request's ``prefix`` stands for.

    Raises:
        TwinError: no request could ever be served.
    """

    blocks: int
    sequences: int
    context_tokens: int
    batched_tokens: int = 2048
    block_tokens: int = 16
    prefix_caching: bool = True
    hash_tokens: int = 16

    def __post_init__(self) -> None:
        if min(self.sequences, self.context_tokens, self.block_tokens) < 1:
            raise TwinError(f"an engine with {self.sequences} sequences of {self.context_tokens} tokens serves nothing; give it at least 1")
        if self.batched_tokens < self.sequences:
            raise TwinError(f"a step of {self.batched_tokens} tokens cannot serve {self.sequences} sequences; one token each is needed")
        if self.hash_tokens % self.block_tokens:
            raise TwinError(f"hashes of {self.hash_tokens} tokens do not divide into blocks of {self.block_tokens}")
        if (needed := self.blocks_for(self.context_tokens)) > self.blocks:
            raise TwinError(
                f"a request of {self.context_tokens} tokens needs {needed} blocks and there are {self.blocks}; "
                "lower the context, or give the model more memory"
            )

    def blocks_for(self, tokens: int) -> int:
        """Return the blocks that ``tokens`` tokens take."""
        return -(-tokens // self.block_tokens)


def blocks_in(gpu: Gpu, model: Model, *, group: int = 1, block_tokens: int = 16, used: float = 0.9, reserved_bytes: float = 2e9) -> int:
    """Return the key-value blocks that fit beside the weights of ``model`` on ``group`` GPUs.

    Args:
        gpu: whose memory holds them.
        model: with 16 bits a weight and a key or value.
        group: GPUs that share the model; each holds its part of every block.
        block_tokens: tokens in a block.
        used: share of the memory that the engine takes (vLLM: ``gpu_memory_utilization``, default 0.9).
        reserved_bytes: activations and graphs, on each GPU (assumed; what vLLM measures at its start).

    Raises:
        TwinError: the weights do not fit.
    """
    free = gpu.memory_bytes * used - model.parameters * 2 / group - reserved_bytes
    block_bytes = model.kv_bytes_per_token() * block_tokens / min(group, model.kv_heads)
    if free < block_bytes:
        most = gpu.memory_bytes * used / 1e9
        raise TwinError(
            f"{model.name} needs {model.parameters * 2 / group / 1e9:.0f} GB of weights on each of {group} {gpu.name}, and "
            f"{most:.0f} GB can be used; take more or larger GPUs"
        )
    return math.floor(free / block_bytes)
