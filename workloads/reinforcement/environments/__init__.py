"""Environments: Gymnasium's, and our own finite ones, whose exact values dynamic programming gives."""
