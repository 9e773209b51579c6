"""Which engine takes a request, and whether it is taken at all."""
