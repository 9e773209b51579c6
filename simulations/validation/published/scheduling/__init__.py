"""Where pods are placed, what spot capacity costs, and how many replicas run."""
