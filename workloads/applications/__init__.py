"""Applications: programs that compose workloads. Only they may import other workloads, and only those they are made of."""
