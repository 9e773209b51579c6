"""A client's process: carries messages between the transport and the participant. It may be killed at any time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from foundation.processes.health import health
from foundation.processes.serving import listen
from workloads.federation.rounds.participant import Participant
from workloads.federation.rounds.site import Site
from workloads.federation.rounds.terms import Terms
from workloads.federation.serving.enrolment import credentials, read_key
from workloads.federation.serving.exporting import exporting
from workloads.federation.serving.ownership import owned
from workloads.federation.serving.records import own_records
from workloads.federation.serving.waiting import awaited_roster
from workloads.federation.spec import ClientSpec
from workloads.federation.tasks.task import load
from workloads.federation.transport import Reconnected, connect

_POLL_S: Final = 20.0


def run_client(spec: ClientSpec, say: Callable[[str], None]) -> None:
    """Take part until interrupted.

    Args:
        spec: how.
        say: gets lines of progress.

    Raises:
        FederationError: the server is away for too long, or something cannot be read or written; the text says what.
    """
    definition, state = spec.definition, Path(spec.state)
    probes = listen(spec.host, spec.health_port, "federation")
    task, roster = load(definition.task, definition.seed), awaited_roster(Path(spec.roster), probes, say)
    terms = Terms(definition, roster, task.model.length)
    records = own_records(spec.records, spec.name, definition, roster, task)
    joined = [False]
    with owned(state), health(probes, lambda: joined[0]), exporting("fl-client", spec.otlp_endpoint, say) as on_span:
        participant = Participant(Site(state, spec.name, terms, task, records), read_key(state), on_span=on_span)
        server, _, port = spec.server.rpartition(":")
        say(f"client {spec.name} with {len(records)} records calls {spec.server}")
        with connect(server, int(port), credentials(spec.credentials), spec.server_identity) as link:
            link.send(participant.join())
            joined[0] = True
            say(f"client {spec.name} has joined {spec.server}")
            shown = 0
            while True:
                message = link.receive(_POLL_S)
                if isinstance(message, Reconnected):
                    say("the server was started again")
                    link.send(participant.join())
                elif message is not None:
                    for answer in participant.receive(message):
                        link.send(answer)
                for refusal in participant.refusals[shown:]:
                    say(f"the server has refused: {refusal}")
                shown = len(participant.refusals)
                if participant.finished and message is not None:
                    say(participant.finished)
