"""Methods: structured pruning, distillation, low-rank adapters, singular values. One a file, each with its source."""
