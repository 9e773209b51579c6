"""Compression: a small language model by quantisation, pruning, distillation, LoRA and SVD, down to a GGUF that the engine serves."""
