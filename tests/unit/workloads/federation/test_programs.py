"""What the programs are started with and what they show."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from foundation.processes.arguments import ArgumentsError
from tests.unit.workloads.federation.federations import Federation, definition, small_task
from workloads.federation.definition import Definition, Privacy
from workloads.federation.errors import DefinitionError, StateError, TaskError
from workloads.federation.rounds.roster import Roster
from workloads.federation.serving.enrolment import enrol, own_entry, read_key
from workloads.federation.serving.metrics import exposition
from workloads.federation.serving.records import own_records, read_csv
from workloads.federation.serving.report import Traffic, document, shown, table
from workloads.federation.spec import ClientSpec, ServerSpec
from workloads.telemetry.federation import FEDERATION_SERIES

SERVER = ServerSpec(Definition(rounds=3), "/roster.json", "/state", "/tls")
CLIENT = ClientSpec(
    Definition(rounds=3), "/roster.json", "/state", "/tls", "a", "host:8000", "spiffe://server", records="/own.csv", host="::1"
)


def test_arguments_are_read_as_they_were_written() -> None:
    assert ServerSpec.from_args(SERVER.to_args()) == SERVER
    assert ClientSpec.from_args(CLIENT.to_args()) == CLIENT
    assert ClientSpec.from_args(replace(CLIENT, records="").to_args()).records == ""


def test_client_level_epsilon_is_exact_and_renyi_accounting_stands_beside_it(tmp_path: Path) -> None:
    privacy = Privacy(unit="client", epsilon=8.0)
    coordinator = Federation(tmp_path / "exact", definition(privacy=privacy, update_norm=1.0), clients=4).run()
    (beside,) = re.findall(r"accountant exact; by rdp this run has spent at most ([\d.]+)$", document(coordinator, Traffic())["guarantee"])
    assert coordinator.store.progress.history[-1].epsilon == pytest.approx(8, abs=1e-5)
    assert 8.3 < float(beside) < 9
    by_rdp = Federation(tmp_path / "rdp", definition(privacy=privacy.model_copy(update={"accountant": "rdp"}), update_norm=1.0), clients=4)
    exact_noise, rdp_noise = coordinator.terms.client_noise, by_rdp.terms.client_noise
    assert exact_noise is not None
    assert rdp_noise is not None
    assert exact_noise.total_deviation(4) < 0.95 * rdp_noise.total_deviation(4)
    assert document(by_rdp.run(), Traffic())["guarantee"].endswith("accountant rdp")


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ("--definition={}x", "Invalid JSON"),
        ('--definition={"rounds":0}', "rounds: Input should be greater"),
        ("--server=host", "'host' is not HOST:PORT"),
        ("--server=host:0", "'0' is not a port"),
        ("--prot=1", "unrecognized arguments"),
    ],
)
def test_arguments_that_make_no_sense_are_named(changed: str, reason: str) -> None:
    with pytest.raises(ArgumentsError, match=reason):
        ClientSpec.from_args([*CLIENT.to_args(), changed])


def test_the_metrics_are_those_that_are_declared(tmp_path: Path) -> None:
    coordinator = Federation(tmp_path, definition(privacy=Privacy(epsilon=8.0, accountant="rdp"))).run()
    text = exposition(coordinator.terms.definition, coordinator.store.progress.history, failed_attempts=1, refused=2)
    samples = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert {name.partition("{")[0] for name in samples} == set(FEDERATION_SERIES)
    assert samples["fl_refused_total"] == "2"
    assert float(samples["fl_secure_aggregation_success_rate"]) == pytest.approx(3 / 4)
    assert 0.98 < float(samples['fl_privacy_budget_consumed{epsilon="8"}']) <= 1
    assert 'fl_round_duration{round="3"}' in samples
    nothing = exposition(definition(), (), failed_attempts=0, refused=0)
    assert nothing.count("\n") == 6


def test_the_report_has_a_row_a_round_and_says_what_it_guarantees(tmp_path: Path) -> None:
    coordinator, traffic = Federation(tmp_path, definition(privacy=Privacy(epsilon=8.0, accountant="rdp"))).coordinator, Traffic()
    federation = Federation(tmp_path / "other", definition(privacy=Privacy(epsilon=8.0, accountant="rdp")))

    def counted(message: object) -> bool:
        traffic.add(message)  # type: ignore[arg-type]
        return True

    coordinator = federation.run(counted)
    lines = list(table(document(coordinator, traffic)))
    assert "for one record (add-or-remove-one, sampler poisson), accountant rdp" in lines[1]
    assert len([line for line in lines if line.lstrip()[:1].isdigit()]) == 3
    assert "MaskedUpdate" in lines[-1]
    assert traffic.of(1)["MaskedUpdate"] > 3 * 12 * 4


def test_enrolment_writes_a_roster_with_the_keys_that_the_clients_have(tmp_path: Path) -> None:
    task = small_task()
    written = enrol(tmp_path, definition(), task, ["a", "b"], server_identity="spiffe://x/server", client_identity="spiffe://x/{name}")
    roster = Roster.read(tmp_path / "roster.json")
    assert roster == written
    assert roster.identities() == {"spiffe://x/a": "a", "spiffe://x/b": "b"}
    assert read_key(tmp_path / "a").public_key().public_bytes_raw() == roster.members["a"].public_key
    assert sum(member.records for member in roster.members.values()) == len(task.training)
    assert len(own_records("", "b", definition(), roster, task)) == roster.members["b"].records
    with pytest.raises(TaskError, match="'c' is not in the roster"):
        own_records("", "c", definition(), roster, task)
    with pytest.raises(DefinitionError, match="enrol the client first"):
        read_key(tmp_path / "c")


@pytest.mark.parametrize(
    ("names", "identity", "reason"),
    [
        (["a", "a"], "{name}", "two clients are called 'a'"),
        (["a", "../b"], "{name}", "'../b' cannot be the name of a client"),
        (["", "b"], "{name}", "'' cannot be the name"),
        (["a", "x" * 64], "{name}", "63 at most"),
        (["a", "server"], "{name}", "no client can be called 'server'"),
        (["a", "roster.json"], "{name}", "no client can be called 'roster.json'"),
        (["a", "b"], "spiffe://x/{other}", r"has no \{name\} in it"),
        (["a", "b"], "{name} of {", "'a of {' cannot be an identity: printable ASCII without blanks, 64 characters"),
        (["a", "b"], "spiffe://ä/{name}", "cannot be an identity"),
        ([], "{name}", "one client or more, not 0"),
    ],
)
def test_clients_that_cannot_be_enrolled_are_named_and_nothing_is_written(
    tmp_path: Path, names: list[str], identity: str, reason: str
) -> None:
    with pytest.raises((DefinitionError, TaskError), match=reason):
        enrol(tmp_path / "new", definition(), small_task(), names, server_identity="s", client_identity=identity)
    assert not (tmp_path / "new").exists()


def test_nobody_is_enrolled_twice(tmp_path: Path) -> None:
    enrol(tmp_path, definition(), small_task(), ["a", "b"], server_identity="s", client_identity="{name}")
    before = read_key(tmp_path / "a").private_bytes_raw()
    with pytest.raises(StateError, match=r"roster.json exists: .* take another folder"):
        enrol(tmp_path, definition(), small_task(), ["a", "b"], server_identity="s", client_identity="{name}")
    assert read_key(tmp_path / "a").private_bytes_raw() == before


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[]", "has to be an object with a key for each client"),
        ("{", "is no JSON file"),
        ('{"a": 1}', "a: Input should be"),
        ('{"a": {"key": "zz"}}', "a.records: Field required"),
        ('{"../a": {"key": "", "records": 1, "consent": "", "residency": "eu"}}', "cannot be the name of a client"),
    ],
)
def test_what_is_no_roster_is_said_where(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "roster.json").write_text(text)
    with pytest.raises(DefinitionError, match=reason):
        Roster.read(tmp_path / "roster.json")


@pytest.mark.parametrize(
    "text", ["[]", "{}", '{"task": 1, "strategy": 2, "parameters": 3, "finished": 4, "guarantee": 5, "rounds": [6]}', "x"]
)
def test_what_is_no_report_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "report.json").write_text(text)
    with pytest.raises(StateError, match="is no report of a run"):
        shown(tmp_path)


def test_a_roster_whose_clients_cannot_be_told_apart_is_refused(tmp_path: Path) -> None:
    enrolled = enrol(tmp_path, definition(), small_task(), ["a", "b"], server_identity="s", client_identity="{name}")
    roster = Roster({name: member.model_copy(update={"identity": "one"}) for name, member in enrolled.members.items()})
    with pytest.raises(DefinitionError, match="'b': its identity is that of client 'a'"):
        roster.identities()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1,2,3,2\n1,2\n", "is no CSV file"),
        ("1,2,0\n", "has 3 columns"),
        ("1,2,3,7\n", "row 1: the label 7 is not a class"),
        ("1,nan,3,1\n", "not a finite"),
        ("", "has 0 columns"),
    ],
)
def test_records_of_a_file_fit_the_task(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "own.csv"
    path.write_text("1,2,3,2\n")
    np.testing.assert_array_equal(read_csv(path, small_task()).x, [[1, 2, 3]])
    path.write_text(text)
    with pytest.raises(TaskError, match=reason):
        read_csv(path, small_task())


def test_clients_that_draw_their_own_keys_make_the_roster_that_one_process_would(tmp_path: Path) -> None:
    terms, task, names = definition(), small_task(), ("b", "a")
    known = {"server_identity": "spiffe://t/server", "client_identity": "spiffe://t/{name}"}
    whole = enrol(tmp_path / "whole", terms, task, names, **known)
    for name in names:
        part = own_entry(tmp_path / name, terms, task, name, names=names, identity=f"spiffe://t/{name}")
        assert part == own_entry(tmp_path / name, terms, task, name, names=names, identity=f"spiffe://t/{name}")
        member = part.members[name]
        assert member.key == read_key(tmp_path / name).public_key().public_bytes_raw().hex()
        assert member.model_copy(update={"key": ""}) == whole.members[name].model_copy(update={"key": ""})


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (["b", "a"], "'c' is not among the clients: b, a"),
        (["c", "a", "a"], "two clients are called 'a'"),
        (["c", "server"], "no client can be called 'server'"),
    ],
)
def test_an_entry_among_names_that_cannot_be_is_refused_and_no_key_is_drawn(tmp_path: Path, names: list[str], reason: str) -> None:
    with pytest.raises(DefinitionError, match=reason):
        own_entry(tmp_path / "c", definition(), small_task(), "c", names=names, identity="spiffe://t/c")
    assert not (tmp_path / "c").exists()
