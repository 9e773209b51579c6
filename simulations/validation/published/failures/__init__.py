"""Failures of machines, and of training jobs on many of them."""
