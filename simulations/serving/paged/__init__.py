"""An engine with paged attention, simulated step by step: vLLM's version 1 scheduler, its block pool and its prefix cache."""

from simulations.serving.paged.blocks import BlockPool
from simulations.serving.paged.engine import PagedEngine
from simulations.serving.paged.limits import Limits

__all__ = ["BlockPool", "Limits", "PagedEngine"]
