"""The providers, emulated: four wires, seeded latencies and lengths, rate limits, usage, and sixteen faults on every wire."""
