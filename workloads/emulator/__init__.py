"""Emulated providers: four APIs, seeded latencies and lengths, rate limits, usage, and sixteen faults on each API."""
