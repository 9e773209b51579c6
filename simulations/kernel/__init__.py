"""Pieces that every simulation of this floor is made of beside SimPy's environment; none of them knows what is simulated."""

from simulations.kernel.ledger import Ledger, LedgerError

__all__ = ["Ledger", "LedgerError"]
