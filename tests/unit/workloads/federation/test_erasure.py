"""A client is erased by training again without it: to the last bit as if it had never joined."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.unit.workloads.federation.federations import Federation, definition
from workloads.federation.audit.verify import verify
from workloads.federation.compliance.erasure import erase
from workloads.federation.compliance.journal import audit_key, events
from workloads.federation.definition import Strategy, StrategyName
from workloads.federation.errors import DefinitionError, StateError
from workloads.federation.rounds.coordinator import Coordinator
from workloads.federation.rounds.in_process import run
from workloads.federation.rounds.store import Store
from workloads.federation.rounds.terms import Terms


@pytest.mark.parametrize("name", ["fedavg", "scaffold"])
def test_the_new_model_is_that_of_a_federation_which_the_client_never_joined(tmp_path: Path, name: StrategyName) -> None:
    terms = definition(strategy=Strategy(name=name))
    with_it = Federation(tmp_path / "with", terms, clients=4)
    before = with_it.run().store.progress.state.parameters
    left = erase(tmp_path / "with" / "server", with_it.terms, "c2")
    assert left.roster.names == ("c0", "c1", "c3")
    never = Federation(tmp_path / "never", terms, clients=4, without=("c2",))
    expected = never.run().store.progress.state.parameters

    store = Store(tmp_path / "with" / "server", left, never.task.model.initial(terms.seed))
    again = Federation(tmp_path / "clients again", terms, clients=4, without=("c2",))
    run(Coordinator(left, never.task, store, 0.0), again.participants)
    np.testing.assert_array_equal(store.progress.state.parameters, expected)
    assert not np.array_equal(before, expected)
    log = tmp_path / "with" / "server" / "audit.jsonl"
    verify(log, audit_key(log.parent).public_key())
    (erased,) = [entry["fields"] for entry in events(log) if entry["event"] == "client erased"]
    assert erased["rounds"] == [1, 2, 3]
    assert all("c2" not in entry["fields"].get("contributors", ()) for entry in events(log)[-3:])


def test_erasing_twice_logs_once_and_a_stranger_is_an_error(tmp_path: Path) -> None:
    federation = Federation(tmp_path, definition(rounds=1), clients=4)
    federation.run()
    folder = tmp_path / "server"
    state = (folder / "run.state").read_bytes()
    erase(folder, federation.terms, "c1")
    (folder / "run.state").write_bytes(state)  # as if it had been killed before it could remove the file
    erase(folder, federation.terms, "c1")
    assert len([entry for entry in events(folder / "audit.jsonl") if entry["event"] == "client erased"]) == 1
    with pytest.raises(DefinitionError, match="'mallory' is not in the roster"):
        erase(folder, federation.terms, "mallory")


def test_a_run_does_not_go_on_without_a_client_that_is_in_its_model(tmp_path: Path) -> None:
    terms = definition(rounds=2)
    federation = Federation(tmp_path, terms, clients=4)
    federation.run()
    left = Terms(terms, federation.terms.roster.without("c1"), federation.terms.parameters)
    with pytest.raises(StateError, match="client 'c1' took part and is not in the roster any more; erase it first"):
        Store(tmp_path / "server", left, federation.task.model.initial(0))


def test_a_federation_that_would_be_too_small_is_kept(tmp_path: Path) -> None:
    federation = Federation(tmp_path, definition(rounds=1, threshold=3))
    with pytest.raises(DefinitionError, match="a round needs 3 clients, and 2 of 2"):
        erase(tmp_path / "server", federation.terms, "c1")
    assert (tmp_path / "server" / "run.state").exists()
