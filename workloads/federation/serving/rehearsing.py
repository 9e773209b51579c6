"""The whole federation in one process, measured: what a twin predicts processes from, and a first look for a person."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from foundation.processes.atomic_file import write_text
from workloads.federation.definition import Definition
from workloads.federation.errors import StateError
from workloads.federation.rounds.coordinator import Coordinator
from workloads.federation.rounds.in_process import run
from workloads.federation.rounds.messages import ToClient, ToServer
from workloads.federation.rounds.participant import Participant
from workloads.federation.rounds.site import Site
from workloads.federation.rounds.store import Store
from workloads.federation.rounds.terms import Terms
from workloads.federation.serving.enrolment import enrol, read_key
from workloads.federation.serving.report import REPORT, Traffic, document, round_line
from workloads.federation.tasks.partitions import spread
from workloads.federation.tasks.task import load


def rehearse(definition: Definition, clients: int, folder: Path, say: Callable[[str], None]) -> dict[str, Any]:
    """Run a federation in this process, and return its report with ``client_ms``, ``server_ms`` and ``startup_s``.

    The former are medians of what one message of a kind costs the side that receives it, in milliseconds of this process. The last is the
    processor time before the first message: to load the records and to calibrate the noise.

    Args:
        definition: of the federation.
        clients: how many.
        folder: for keys and state; it must not hold another run.
        say: gets a line for each round.

    Raises:
        FederationError: the definition does not fit the clients, or something cannot be written.
    """
    task = load(definition.task, definition.seed)
    names = [f"client-{index}" for index in range(clients)]
    roster = enrol(folder, definition, task, names, server_identity="server", client_identity="{name}")
    terms = Terms(definition, roster, task.model.length)
    parts = spread(task.training.y, clients, definition.partition, definition.seed)
    sites = [Site(folder / name, name, terms, task, task.training.of(rows)) for name, rows in zip(roster.names, parts, strict=True)]
    participants = [Participant(site, read_key(folder / site.name)) for site in sites]
    store = Store(folder / "server", terms, task.model.initial(definition.seed))
    coordinator, traffic = Coordinator(terms, task, store, 0.0), Traffic()
    taken_ms: dict[type, dict[str, list[float]]] = {ToServer: defaultdict(list), ToClient: defaultdict(list)}

    def handled(message: ToServer | ToClient, seconds: float) -> None:
        traffic.add(message)
        taken_ms[type(message)][type(message.body).__name__].append(1000 * seconds)
        history = store.progress.history
        if history and message.number == history[-1].number and isinstance(message, ToServer):
            say(round_line(history[-1], definition.rounds))  # the message that has ended the round

    startup_s = time.process_time()
    begun = time.monotonic()
    run(coordinator, participants, handled=handled, clock=lambda: time.monotonic() - begun)
    report = document(coordinator, traffic)
    report["client_ms"] = {kind: median(values) for kind, values in taken_ms[ToClient].items()}
    report["startup_s"] = startup_s
    report["server_ms"] = {kind: median(values) for kind, values in taken_ms[ToServer].items()}
    try:
        write_text(folder / "server" / REPORT, json.dumps(report, indent=1) + "\n")
    except OSError as error:
        raise StateError(f"{folder / 'server' / REPORT} cannot be written: {error.strerror}") from error
    return report
