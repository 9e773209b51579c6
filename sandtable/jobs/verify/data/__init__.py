"""Data stores and the message bus, alive and killed."""
