"""What a simulated run costs, and where its GPU seconds went."""

from simulations.cost.serving import GpuLedger, LedgerError, usd_per_million_output_tokens

__all__ = ["GpuLedger", "LedgerError", "usd_per_million_output_tokens"]
