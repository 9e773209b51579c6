"""The cost of a simulated run, and how its GPU seconds were used."""

from simulations.cost.serving import GpuLedger, LedgerError, usd_per_million_output_tokens

__all__ = ["GpuLedger", "LedgerError", "usd_per_million_output_tokens"]
