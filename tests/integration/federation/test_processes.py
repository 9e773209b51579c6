"""A federation as processes with mutual TLS: it trains, and server and clients may be killed."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from urllib.error import HTTPError

import pytest

from foundation.processes.atomic_file import write_text
from tests.integration.federation.processes import Processes, command
from workloads.federation.definition import Definition, Local, Privacy

PRIVATE = Privacy(epsilon=8.0, accountant="rdp")


def test_three_clients_train_and_the_server_and_one_of_them_are_killed(start: Callable[[Definition], Processes], tmp_path: Path) -> None:
    local = Local(epochs=1, batch=64, rate=0.5)
    run = start(Definition(task="credit-risk", rounds=12, privacy=PRIVATE, local=local))
    run.until(lambda: "round 3/" in run.log("server"))
    run.server.stop(signal.SIGKILL)
    run.start_server()
    run.until(lambda: "round 6/" in run.log("server"))
    run.clients["b"].stop(signal.SIGKILL)
    run.client("b")
    run.until(run.finished)
    report = json.loads((tmp_path / "server" / "report.json").read_text())
    assert report["finished"] == "all 12 rounds are done"
    assert [each["number"] for each in report["rounds"]] == list(range(1, 13))
    assert len(report["rounds"][-1]["contributors"]) >= 2
    assert 7 < report["rounds"][-1]["epsilon"] <= 8
    assert sum(report["rounds"][-1]["bytes"].values()) > 2000
    metrics = run.get("/metrics")
    assert 'fl_round_duration{round="12"} ' in metrics
    assert 'fl_privacy_budget_consumed{epsilon="8"} 0.9' in metrics
    assert "fl_secure_aggregation_success_rate " in metrics
    assert "fl_model_accuracy 0." in metrics
    assert run.get("/live") == run.get("/ready") == "ok\n"
    verified = command("verify", str(tmp_path / "server"))
    assert verified.returncode == 0
    assert "none altered" in verified.stdout
    assert "all 12 rounds are done" in command("report", str(tmp_path / "server")).stdout
    log = tmp_path / "server" / "audit.jsonl"
    log.write_bytes(log.read_bytes().replace(b'"attempts":1', b'"attempts":2', 1))
    altered = command("verify", str(tmp_path / "server"))
    assert altered.returncode == 4
    assert "was changed after it was signed" in altered.stderr


def test_a_client_with_another_definition_is_refused_and_told(start: Callable[[Definition], Processes]) -> None:
    run = start(Definition(task="credit-risk", rounds=2, privacy=Privacy(unit="none")))
    run.until(run.finished)
    run.clients["c"].stop()
    run.client("c", Definition(task="credit-risk", rounds=3, privacy=Privacy(unit="none")))
    run.until(lambda: "the server has refused: client 'c': it was started with another definition" in run.log("c"))


def test_a_server_whose_roster_is_empty_waits_until_clients_are_enrolled(start: Callable[[Definition], Processes], tmp_path: Path) -> None:
    run = start(Definition(task="credit-risk", rounds=2, privacy=Privacy(unit="none")))
    run.server.stop()
    enrolled = (tmp_path / "roster.json").read_text()
    (tmp_path / "roster.json").write_text("{}")
    run.start_server()
    run.until(lambda: "nobody is enrolled" in run.log("server"))
    assert run.get("/live") == "ok\n"
    with pytest.raises(HTTPError, match="503") as refused:
        run.get("/ready")
    refused.value.close()
    write_text(tmp_path / "roster.json", enrolled)  # at once, as a ConfigMap changes: half a roster is an error
    run.until(run.finished)


def test_mistakes_are_explained(tmp_path: Path) -> None:
    for arguments, reason in (
        (("run", '--definition={"rounds": 0}'), "rounds: Input should be greater than or equal to 1"),
        (("run", '--definition={"task":"credit-risk"}', "--clients=1"), "a round needs 2 clients, and 1 of 1 would take part"),
        (("report", str(tmp_path)), "report.json cannot be read"),
        (("run", '--definition={"task":"credit-risk","threshold":2}', "--clients=6"), "more than half of the 6 clients"),
        (("verify", str(tmp_path)), "audit.pub is not the public key"),
    ):
        done = command(*arguments)
        assert done.returncode in {2, 4}
        assert reason in done.stderr
        assert "Traceback" not in done.stderr
