"""The server's process: carries messages between the transport and the coordinator, and the time to the latter.

It goes on after the last round: it shows its metrics, and tells clients that come late. It may be killed at any time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from foundation.processes.health import health
from foundation.processes.serving import listen
from workloads.federation.rounds.coordinator import Coordinator
from workloads.federation.rounds.store import Store
from workloads.federation.rounds.terms import Terms
from workloads.federation.serving.enrolment import credentials
from workloads.federation.serving.exporting import exporting
from workloads.federation.serving.metrics import exposition
from workloads.federation.serving.ownership import owned
from workloads.federation.serving.report import Traffic, round_line, write_report
from workloads.federation.serving.waiting import awaited_roster
from workloads.federation.spec import ServerSpec
from workloads.federation.tasks.task import load
from workloads.federation.transport import serve

#: Longest wait for a message, so that an interrupt is noticed.
_POLL_S: Final = 1.0


def run_server(spec: ServerSpec, say: Callable[[str], None]) -> None:
    """Serve until interrupted.

    Args:
        spec: how.
        say: gets lines of progress.

    Raises:
        FederationError: something cannot be read or written; the text says what.
    """
    definition = spec.definition
    listener, probes = listen(spec.host, spec.port, "federation"), listen(spec.host, spec.health_port, "federation")
    task, roster = load(definition.task, definition.seed), awaited_roster(Path(spec.roster), probes, say)
    terms = Terms(definition, roster, task.model.length)
    traffic, started_s = Traffic(), time.time() - time.monotonic()

    def now_s() -> float:
        """Return the time since 1970 on a clock that nobody sets back."""
        return started_s + time.monotonic()

    def metrics() -> str:
        return exposition(
            definition, store.progress.history, failed_attempts=coordinator.failed_attempts, refused=len(coordinator.refusals)
        )

    with ExitStack() as stack:
        stack.enter_context(owned(Path(spec.state)))
        store = Store(Path(spec.state), terms, task.model.initial(definition.seed))
        on_span = stack.enter_context(exporting("fl-server", spec.otlp_endpoint, say))
        coordinator = Coordinator(terms, task, store, now_s(), on_span)
        stack.enter_context(health(probes, lambda: True, metrics))
        hub = stack.enter_context(serve(listener, credentials(spec.credentials), roster.identities()))
        say(
            f"https://{spec.host}:{spec.port} waits for {len(roster.members)} clients; run {store.progress.run}, round {coordinator.number}"
        )
        shown, refused, ended = len(store.progress.history), 0, False
        while True:
            wait_s = _POLL_S if coordinator.deadline_s is None else min(_POLL_S, max(0.0, coordinator.deadline_s - now_s()))
            message = hub.receive(wait_s)
            if message is not None:
                traffic.add(message)
            answers = coordinator.tick(now_s()) if message is None else coordinator.receive(message, now_s())
            for answer in answers:
                traffic.add(answer)
                if answer.receiver in roster.members:
                    hub.send(answer)
            for record in store.progress.history[shown:]:
                say(round_line(record, definition.rounds))
            for refusal in coordinator.refusals[refused:]:
                say(f"refused: {refusal}")
            shown, refused = len(store.progress.history), len(coordinator.refusals)
            if coordinator.finished and not ended:
                ended = True
                write_report(Path(spec.state), coordinator, traffic)
                say(f"{coordinator.finished}; report in {spec.state}")
