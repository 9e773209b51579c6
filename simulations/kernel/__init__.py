"""The simulation kernel: nothing in here depends on what is simulated."""

from simulations.kernel.ledger import Ledger, LedgerError
from simulations.kernel.loop import CausalityError, Event, Loop
from simulations.kernel.order import Order
from simulations.kernel.streams import Streams

__all__ = ["CausalityError", "Event", "Ledger", "LedgerError", "Loop", "Order", "Streams"]
