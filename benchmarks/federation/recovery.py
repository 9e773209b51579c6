"""A server that is killed fifty times in twenty rounds: the tests' own trial, which compares parameters, ledgers and audit log."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from benchmarks.federation.table import Row
from tests.scenario.test_federation_recovery import CLIENT, RECORD, test_killed_fifty_times_in_twenty_rounds


def rows() -> list[Row]:
    """Return the row."""
    held = []
    for unit, privacy in (("record", RECORD), ("client", CLIENT)):
        with tempfile.TemporaryDirectory(prefix="bench-federation-") as folder, pytest.MonkeyPatch.context() as patch:
            test_killed_fifty_times_in_twenty_rounds(Path(folder), patch, privacy)
            held.append(unit)
    return [Row("server killed 50 times in 20 rounds", "same as undisturbed", f"same with {' and '.join(held)}-level privacy (n=2)")]
