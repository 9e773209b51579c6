"""Closed forms of queueing theory, reproduced by the kernel."""
