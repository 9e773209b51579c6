"""Processes of the operating system: children that end with us, locks, files written whole, interrupts."""
