"""Weights in fewer bits: the block formats of GGUF files, and plain int8 by row."""
