"""What requests cost: dated and banded prices, integer nano-dollars, and a ledger that survives the process."""
