"""Recorders beyond the one in memory."""
