"""The reading side: tables made from events."""
