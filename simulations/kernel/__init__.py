"""Pieces that every simulation of this floor is made of; none of them knows what is simulated."""

from simulations.kernel.ledger import Ledger, LedgerError
from simulations.kernel.timeline import Timeline

__all__ = ["Ledger", "LedgerError", "Timeline"]
