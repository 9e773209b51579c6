"""Settings of all tests."""

from __future__ import annotations

import os
import signal

from hypothesis import HealthCheck, settings

# Seeded, and free of the wall clock: a busy machine must not fail a property.
settings.register_profile("sandtable", derandomize=True, deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("sandtable")

# What a person or a CI sets for their own terminal must not decide what a test sees.
for name in ("NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "TTY_COMPATIBLE", "COLUMNS", "LINES"):
    os.environ.pop(name, None)

# In the background of a shell without job control SIGINT is ignored, and Python leaves it so; tests of interrupts need its handler.
signal.signal(signal.SIGINT, signal.default_int_handler)
