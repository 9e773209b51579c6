"""Settings of all tests."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# Seeded, and free of the wall clock: a busy machine must not fail a property.
settings.register_profile("sandtable", derandomize=True, deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("sandtable")
