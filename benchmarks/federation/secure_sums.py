"""Secure aggregation of 100,000 entries by 10 clients: in one process beside Flower's SecAgg+, and between real processes."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from benchmarks.federation.processes import clients_of, one_round, session_of
from benchmarks.federation.table import Row, median_and_range
from benchmarks.secure_aggregation import measured

ENTRIES, CLIENTS, THRESHOLD, DROPPING = 100_000, 10, 7, 3
ROOT = Path(__file__).parents[2]
PEER = Path(__file__).with_name("peer_secure_aggregation.py")


def rows(peer_python: str | None, rounds: int) -> list[Row]:
    """Return the rows; every sum of ours is checked to be exact."""
    keys = {f"client-{number}": Ed25519PrivateKey.generate() for number in range(CLIENTS)}
    random = np.random.default_rng(1)
    updates = {name: random.integers(0, 2**32, ENTRIES, dtype=np.uint32) for name in keys}
    found = []
    for dropping in (0, DROPPING):
        gone = frozenset(list(keys)[:dropping])
        ours: list[float] = []
        theirs: list[float] = []
        for turn in range(2):  # in turns, so that a busy machine is busy for both
            ours += [measured(10 * turn + number, keys, updates, gone).seconds for number in range(rounds)]
            if peer_python:
                theirs += peer(peer_python, dropping, rounds)
        name = f"secure sum, 100 k, K 10, {dropping} dropping"
        ratio = f", {statistics.median(theirs) / statistics.median(ours):.0f}x" if theirs else ""
        found.append(Row(name, "<= .10 s, exact", median_and_range(ours), f"SecAgg+ {median_and_range(theirs)}{ratio}" if theirs else "-"))
    return [*found, *between_processes(rounds)]


def peer(python: str, dropping: int, rounds: int) -> list[float]:
    """Return the seconds of Flower's rounds."""
    arguments = [python, str(PEER), *map(str, (ENTRIES, CLIENTS, THRESHOLD, dropping, rounds))]
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "FLWR_TELEMETRY_ENABLED": "0", "FLWR_DISABLE_UPDATE_CHECK": "1"}
    done = subprocess.run(arguments, env=environ, capture_output=True, text=True, check=True)
    seconds: list[float] = json.loads(done.stdout.splitlines()[-1])["seconds"]
    return seconds


def between_processes(rounds: int) -> list[Row]:
    """Return the rows of rounds over mutual TLS, with one process a client."""
    names = [f"client-{number}" for number in range(CLIENTS)]
    found = []
    with tempfile.TemporaryDirectory(prefix="bench-federation-") as folder, clients_of(Path(folder), names, ENTRIES) as hub:
        for dropping in (0, DROPPING):
            gone = frozenset(names[:dropping])
            seconds = [one_round(hub, session_of(names, 100 * dropping + number, THRESHOLD, ENTRIES), gone) for number in range(rounds + 1)]
            # The first round opens the connections.
            figure = f"the same, {CLIENTS} processes, TLS, {dropping} dropping"
            found.append(Row(figure, "<= 5 s, exact", median_and_range(seconds[1:]), "see ADR on the transport"))
    return found
