"""Recordings of real programs that rows replay, each beside the script that made it."""
