"""The federation of a graph as processes of this machine: predicted from one run in one process, then run for real, faults included.

Rule 1: the programs are started with the arguments of the graph; only addresses, ports and folders are this machine's. Nobody collects
spans here.
Rule 2: everything is bounded: a federation that is not done in time is stopped, and the verdict is told.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from foundation.measures import JobFigure, JobOutcome, quantiles
from foundation.processes.attempts import attempts
from foundation.processes.free_port import LOOPBACK, free_port
from sandtable.errors import SandtableError
from sandtable.jobs.remarks import NO_REMARKS, Remarks
from sandtable.jobs.stack.tools import ensure_environment
from sandtable.local.program import LocalProgram

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from foundation.formats.changes import Change
    from sandtable.jobs.engines.trial import Setting
    from sandtable.terminal import Steps
    from simulations.federation import Costs, DeployedFederation
    from stacks.graph import Graph

_GROUP: Final = "federation"
_MODULE: Final = "workloads.federation"
_FAULT: Final = "fl_client"
_SERVER_IDENTITY: Final = "spiffe://rehearsal/fl-server"
_POLL_S: Final = 0.1
_PREDICTION_LIMIT_S: Final = 120.0
_START_LIMIT_S: Final = 120.0
_LIMIT_S: Final = 120.0


def federation_job(graph: Graph, faults: Sequence[Change], setting: Setting) -> tuple[JobOutcome | None, Remarks]:
    """Predict and run the federation of a graph; nothing where it has none. See :func:`rehearse_federation`."""
    from simulations.federation import DeployedFederation

    deployed = DeployedFederation.from_graph(graph)
    return rehearse_federation(deployed, setting.folder, setting.steps, faults) if deployed else (None, NO_REMARKS)


class FederationNotRehearsedError(SandtableError):
    """The federation could not be run here; the text says why."""


@dataclass(frozen=True, slots=True)
class _Programs:
    """How the programs are started: by this Python, below this folder."""

    python: Path
    folder: Path

    def program(self, name: str, arguments: Sequence[str]) -> LocalProgram:
        # One thread each: the clients are the parallelism, and more threads than cores only get in each other's way.
        return LocalProgram(_MODULE, arguments, log=self.log(name), python=self.python, one_thread=True)

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def finish(self, name: str, arguments: Sequence[str], within_s: float) -> None:
        """Run a command to its end."""
        with self.program(name, arguments) as program:
            if program.child.wait(within_s) != 0:
                raise FederationNotRehearsedError(f"`{arguments[0]}` {program.exit_reason() or 'took too long'}: {_tail(program)}")


def rehearse_federation(
    deployed: DeployedFederation, folder: Path, steps: Steps, faults: Sequence[Change] = ()
) -> tuple[JobOutcome | None, Remarks]:
    """Predict the federation and run it, and return both; None and the reason if it could not be run.

    Args:
        deployed: from the live graph.
        folder: of the run; a folder for keys, state and logs is made in it.
        steps: shows two steps.
        faults: those of the rehearsal; only ``fl_client=kill@…`` is for this job, and its times count from the first round.
    """
    from simulations.errors import SimulationError
    from toolchain.errors import ToolchainError

    kills_s = sorted(fault.start_s or 0.0 for fault in faults if fault.kind == _FAULT)
    try:
        programs = _Programs(ensure_environment(_GROUP, steps), folder / _GROUP)
        programs.folder.mkdir(parents=True, exist_ok=True)
        with steps.step("federation predicted") as step:
            costs = _costs(deployed, programs)
            step.note(f"one run in one process: accuracy {costs.accuracy[-1]:.3f}, epsilon {costs.epsilon[-1]:.3f}")
        with steps.step("federation") as step:
            report = _measured(deployed, programs, kills_s)
            rounds = report["rounds"]
            step.note(f"{len(rounds)} rounds of {deployed.clients} clients: accuracy {rounds[-1]['accuracy']:.3f}")
    except (FederationNotRehearsedError, SimulationError, ToolchainError, OSError) as error:
        return None, Remarks(missing=(f"the federation was not rehearsed: {error}",))
    real = (
        f"The federation: a server and {deployed.clients} clients as processes with mutual TLS, started with the arguments of the cluster."
    )
    return _outcome(deployed, costs, report, kills_s), Remarks(real=(real,))


def _costs(deployed: DeployedFederation, programs: _Programs) -> Costs:
    from simulations.federation import Costs

    state = programs.folder / "predicted"
    definition = deployed.server.definition.to_json()
    programs.finish(
        "predicted",
        ["run", f"--definition={definition}", f"--clients={deployed.clients}", f"--state={state}", "--json"],
        _PREDICTION_LIMIT_S,
    )
    return Costs.from_report(json.loads((state / "server" / "report.json").read_bytes()))


def _measured(deployed: DeployedFederation, programs: _Programs, kills_s: Sequence[float]) -> dict[str, Any]:
    names = [f"{_FAULT.replace('_', '-')}-{index}" for index in range(deployed.clients)]
    folder = programs.folder / "measured"
    programs.finish(
        "enrolment",
        [
            "enrol",
            f"--definition={deployed.server.definition.to_json()}",
            f"--names={','.join(names)}",
            f"--folder={folder}",
            f"--server-identity={_SERVER_IDENTITY}",
            "--client-identity=spiffe://rehearsal/{name}",
        ],
        _START_LIMIT_S,
    )
    with ExitStack() as stack:
        port, roster = free_port(), str(folder / "roster.json")
        own = folder / "server"
        server_spec = replace(
            deployed.server,
            roster=roster,
            state=str(own),
            credentials=str(own / "tls"),
            port=port,
            health_port=free_port(),
            host=LOOPBACK,
            otlp_endpoint="",
        )
        server = stack.enter_context(programs.program("server", ["server", *server_spec.to_args()]))

        def start(name: str) -> LocalProgram:
            spec = replace(
                deployed.client,
                roster=roster,
                state=str(folder / name),
                credentials=str(folder / name / "tls"),
                name=name,
                server=f"{LOOPBACK}:{port}",
                server_identity=_SERVER_IDENTITY,
                health_port=free_port(),
                host=LOOPBACK,
                otlp_endpoint="",
            )
            return stack.enter_context(programs.program(name, ["client", *spec.to_args()]))

        clients = {name: start(name) for name in names}
        _wait(lambda: (own / "run.state").exists() and _joined(programs, names), server, _START_LIMIT_S)
        begun, pending = time.monotonic(), list(enumerate(kills_s))

        def done() -> bool:
            while pending and time.monotonic() - begun >= pending[0][1]:
                client = clients[names[pending.pop(0)[0] % len(names)]]
                client.kill()
                client.start()  # as a kubelet does
            return (own / "report.json").exists()

        _wait(done, server, _LIMIT_S)
    return dict(json.loads((own / "report.json").read_bytes()))


def _joined(programs: _Programs, names: Iterable[str]) -> bool:
    logs = [programs.log(name) for name in names]
    return all(log.exists() and "has joined" in log.read_text(encoding="utf-8") for log in logs)


def _wait(condition: Any, server: LocalProgram, within_s: float) -> None:
    for _ in attempts(within_s, _POLL_S):
        if condition():
            return
        if not server.alive():
            raise FederationNotRehearsedError(f"the server {server.exit_reason()}: {_tail(server)}")
    raise FederationNotRehearsedError(f"it was not done within {within_s:g} s: {_tail(server)}")


def _tail(program: LocalProgram) -> str:
    return "; ".join(program.last_lines(3))


def _outcome(deployed: DeployedFederation, costs: Costs, report: dict[str, Any], kills_s: Sequence[float]) -> JobOutcome:
    from simulations.federation import predict_rounds

    rounds, definition = report["rounds"], deployed.server.definition
    predicted = predict_rounds(definition, deployed.clients, costs, cores=os.cpu_count() or 1, kills_s=kills_s)
    times = quantiles(each["duration_s"] for each in rounds)
    low, high = times.ci95["p50"]
    last = rounds[-1]
    sent = [sum(each["bytes"].values()) for each in rounds]
    # Almost all bytes are models and updates, one of each for a client that stays.
    expected = costs.bytes_per_round * median(each.contributors for each in predicted) / deployed.clients if predicted else None
    figures = [
        JobFigure("fl_accuracy", "accuracy of the model", "share", costs.accuracy[-1], last["accuracy"], len(rounds)),
        JobFigure("fl_epsilon", "epsilon spent", "", costs.epsilon[-1], last["epsilon"], len(rounds)),
        JobFigure(
            "p50_round_s",
            "p50 of a round",
            "s",
            median(each.duration_s for each in predicted) if predicted else None,
            times.p50,
            times.n,
            _finite(low),
            _finite(high),
        ),
        JobFigure("fl_bytes_per_round", "bytes of a round", "bytes", expected, median(sent), len(sent)),
        JobFigure(
            "fl_updates",
            "updates in the model",
            "count",
            sum(each.contributors for each in predicted),
            sum(len(each["contributors"]) for each in rounds),
            len(rounds),
        ),
    ]
    notes = [
        report["guarantee"],
        f"{definition.task} with {definition.strategy.name}, {report['parameters']} parameters: {report['finished']}",
    ]
    if kills_s:
        killed = " and ".join(f"{at_s:g} s" for at_s in kills_s)
        notes.append(f"a client was killed at {killed} and started again, as a kubelet does; the longest round took {_longest(rounds)}")
    return JobOutcome(_GROUP, "federated training", tuple(figures), tuple(notes))


def _longest(rounds: list[dict[str, Any]]) -> str:
    return f"{max(each['duration_s'] for each in rounds):.2f} s"


def _finite(value: float) -> float | None:
    return value if abs(value) < float("inf") else None
