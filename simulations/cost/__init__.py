"""The cost of a simulated run, and the use of its GPU seconds."""

from simulations.cost.serving import GpuLedger, LedgerError, usd_per_million_output_tokens

__all__ = ["GpuLedger", "LedgerError", "usd_per_million_output_tokens"]
