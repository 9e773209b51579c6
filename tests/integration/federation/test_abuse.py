"""Real processes that are treated badly: a client that lies, a second owner of the state, a server that is killed again and again."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from foundation.processes.free_port import free_port
from tests.integration.federation.processes import SERVER, Processes, command, until
from workloads.federation.definition import Definition, Local, Privacy
from workloads.federation.rounds.messages import VERSION, Declined, Finished, Join, PlainUpdate, Refused, ToClient, ToServer, Train, Trained
from workloads.federation.rounds.roster import Roster
from workloads.federation.rounds.state_file import read_state
from workloads.federation.serving.enrolment import credentials
from workloads.federation.transport import Link, Reconnected, connect

OPEN = Definition(
    task="credit-risk",
    rounds=1,
    deadline_s=120.0,
    privacy=Privacy(unit="none"),
    local=Local(epochs=1, batch=64, rate=0.5),
    secure_aggregation=False,
)


def lies(train: ToClient) -> Iterator[tuple[ToServer, str]]:
    """Yield what a client of bad will answers to a model, and the server's reason to refuse it."""
    assert isinstance(train.body, Train)
    good, length = np.zeros_like(train.body.parameters), len(train.body.parameters)

    def says(values: np.ndarray, records: int) -> ToServer:
        return ToServer(train.run, train.number, train.attempt, "c", PlainUpdate(values, records))

    poisoned = good.copy()
    poisoned[3] = np.nan
    yield says(poisoned, 1333), "entry 3 of its update is not a finite number"
    yield says(good + np.inf, 1333), "entry 0 of its update is not a finite number"
    yield says(good + 1e300, 1333), "the norm of its update is inf"
    yield says(good + 1e3, 1333), "clients clip updates to 10"
    yield says(np.zeros(length + 1), 1333), f"an update is {length} numbers"
    yield says(np.zeros(0), 1333), f"an update is {length} numbers"
    yield says(good, 10**6), "it claims to have trained on 1000000 records"
    yield says(good, 0), "it claims to have trained on 0 records"
    yield says(good, -1), "-1"
    yield replace(says(good, 1333), attempt=train.attempt + 1), "is late or belongs elsewhere"
    yield replace(says(good, 1333), number=train.number + 1), "is late or belongs elsewhere"
    yield replace(says(good, 1333), run="another"), "is late or belongs elsewhere"
    newer = Join(VERSION + 1, b"", 1, b"", "", "")
    yield ToServer(train.run, train.number, train.attempt, "c", newer), "it speaks version 2 of the protocol"


def answered(link: Link, kind: type) -> ToClient:
    """Return the next message of a kind."""
    for _ in range(3):
        message = link.receive(20.0)
        assert not isinstance(message, Reconnected)
        if message is not None and isinstance(message.body, kind):
            return message
        assert message is None or not isinstance(message.body, Finished), message
    raise AssertionError(kind)


def test_a_client_that_lies_is_refused_by_name_and_the_others_go_on(tmp_path: Path) -> None:
    with ExitStack() as stack:
        run = Processes(tmp_path, OPEN, stack)
        run.clients["c"].stop()
        member = Roster.read(tmp_path / "roster.json").members["c"]
        join = Join(VERSION, OPEN.digest, member.records, bytes.fromhex(member.consent), OPEN.compliance.purpose, member.residency)
        refused = []
        with connect("127.0.0.1", run.port, credentials(str(tmp_path / "c" / "tls")), SERVER) as link:
            link.send(ToServer("", 0, 0, "c", replace(join, records=member.records + 1)))
            refused.append((answered(link, Refused).body, f"it claims {member.records + 1} records"))
            link.send(ToServer("", 0, 0, "c", join))
            train = answered(link, Train)
            for lie, reason in lies(train):
                link.send(lie)
                refused.append((answered(link, Refused).body, reason))
            link.send(ToServer(train.run, train.number, train.attempt, "c", Trained(1.0, 0.0, repeated=False)))
            link.send(ToServer(train.run, train.number, train.attempt, "c", Trained(1.0, 0.0, repeated=False)))
            refused.append((answered(link, Refused).body, "has sent its Trained twice"))
            link.send(ToServer(train.run, train.number, train.attempt, "c", Declined("enough")))
            answered(link, Finished)
        for body, reason in refused:
            assert isinstance(body, Refused)
            assert "client 'c'" in body.reason
            assert reason in body.reason
        run.until(run.finished)
        first = (read_state(tmp_path / "server" / "run.state") or ({}, {}))[0]["history"][0]
        assert first["contributors"] == ["a", "b"]
        assert run.log("server").count("refused: ") == len(refused)
        assert "Traceback" not in run.log("server")


def test_a_state_folder_has_one_owner(start: Callable[[Definition], Processes], tmp_path: Path) -> None:
    run = start(OPEN)
    run.until(run.finished)
    server, client = tmp_path / "server", tmp_path / "a"
    before = (server / "run.state").read_bytes()
    for program, folder, own in (
        ("server", server, [f"--credentials={server / 'tls'}", f"--port={free_port()}", f"--health-port={free_port()}"]),
        (
            "client",
            client,
            [f"--credentials={client / 'tls'}", f"--health-port={free_port()}", "--name=a", "--server=x:1", "--server-identity=x"],
        ),
        ("erase", server, ["--name=a"]),
    ):
        done = command(program, f"--definition={OPEN.to_json()}", f"--roster={tmp_path / 'roster.json'}", f"--state={folder}", *own)
        assert (done.returncode, done.stdout) == (2, "")
        assert f"{folder} belongs to a program that runs: stop it first" in done.stderr
    assert (server / "run.state").read_bytes() == before


def result(folder: Path) -> tuple[list[dict[str, Any]], np.ndarray]:
    """Return the rounds of a run and its last parameters."""
    found = read_state(folder / "server" / "run.state")
    assert found is not None
    return found[0]["history"], found[1]["parameters"]


def test_a_server_that_is_killed_at_random_loses_no_round(start: Callable[[Definition], Processes], tmp_path: Path) -> None:
    terms = OPEN.model_copy(update={"rounds": 40, "secure_aggregation": True, "deadline_s": 100.0})
    done = command("run", f"--definition={terms.to_json()}", "--clients=3", f"--state={tmp_path / 'undisturbed'}")
    assert done.returncode == 0, done.stderr
    run, random, kills = start(terms), np.random.default_rng(4), 0
    report = tmp_path / "server" / "report.json"

    def serves() -> bool:
        return report.exists() or run.log("server").count("waits for") == kills + 1

    while not report.exists():
        until(serves)
        time.sleep(random.uniform(0.0, 0.4))
        if not report.exists() and kills < 8:
            run.server.stop(signal.SIGKILL)
            run.start_server()
            kills += 1
    assert kills >= 2
    (rounds, parameters), (expected, undisturbed) = result(tmp_path), result(tmp_path / "undisturbed")
    assert [each["number"] for each in rounds] == [each["number"] for each in expected]
    # A client whose join reaches two servers may be left out of a round; the model is then another one, by right.
    if all(each["contributors"] == ["a", "b", "c"] for each in rounds):
        np.testing.assert_array_equal(parameters, undisturbed)
    np.testing.assert_allclose(parameters, undisturbed, atol=0.05)
    assert command("verify", str(tmp_path / "server")).returncode == 0
