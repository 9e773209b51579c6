"""Inference engines, their caches and their kernels."""
