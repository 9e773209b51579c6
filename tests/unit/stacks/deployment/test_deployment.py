"""Which cluster the state is about, and when everything is looked at before anything is changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from stacks.clusters import Cluster
from stacks.deployment import Deployment
from stacks.deployment.state import StateFolder
from stacks.environment import Environment
from stacks.environment.file import PROJECT

NAMESPACE = {
    "urn": f"urn:pulumi:dev::{PROJECT}::kubernetes:core/v1:Namespace::ai",
    "type": "kubernetes:core/v1:Namespace",
    "inputs": {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "ai"}},
}
STACK = {"urn": f"urn:pulumi:dev::{PROJECT}::pulumi:pulumi:Stack::{PROJECT}-dev", "type": "pulumi:pulumi:Stack"}


@dataclass
class Place:
    """All that a deployment asks of a cluster."""

    kubeconfig: Path
    context: str = "c"

    @property
    def kubeconfigs(self) -> tuple[Path, ...]:
        return (self.kubeconfig,)

    def made(self, authority: str) -> None:
        """Be a cluster with an authority of its own."""
        cluster = {"server": "https://127.0.0.1:1", "certificate-authority-data": authority}
        document = {"contexts": [{"name": "c", "context": {"cluster": "x"}}], "clusters": [{"name": "x", "cluster": cluster}]}
        self.kubeconfig.write_text(json.dumps(document))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    found = Place(tmp_path / "kubeconfig")
    found.made("first")
    return found


@pytest.fixture
def state(tmp_path: Path) -> Callable[..., None]:
    """Return a function that puts resources into the state, as Pulumi by hand does."""

    def put(*resources: dict[str, Any]) -> None:
        path = tmp_path / ".sandtable" / "state" / ".pulumi" / "stacks" / PROJECT / "dev.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"version": 3, "checkpoint": {"latest": {"manifest": {}, "resources": list(resources)}}}))

    return put


class Engine:
    """Stands in for Pulumi: keeps what it was asked."""

    def __init__(self) -> None:
        self.refreshed: list[bool | None] = []

    def up(self, *, refresh: bool | None = None, **_: Any) -> None:
        self.refreshed.append(refresh)


@pytest.fixture
def up(tmp_path: Path, place: Place, monkeypatch: pytest.MonkeyPatch) -> Callable[[], bool | None]:
    """Return a function that deploys, and says whether it had looked at everything first."""
    engine = Engine()
    monkeypatch.setattr(Deployment, "_stack", engine)

    def run() -> bool | None:
        Deployment(Environment(name="dev"), cluster=cast("Cluster", place), root=tmp_path).up()
        return engine.refreshed[-1]

    return run


def test_on_the_cluster_of_the_last_up_nothing_is_looked_at_first(up: Callable[[], bool | None], state: Callable[..., None]) -> None:
    assert up() is None, "nothing was ever deployed"
    state(STACK, NAMESPACE)
    assert up() is None


def test_on_a_cluster_made_anew_everything_is_looked_at_once(
    up: Callable[[], bool | None], state: Callable[..., None], place: Place
) -> None:
    up()
    state(STACK, NAMESPACE)
    place.made("second")
    assert [up(), up()] == [True, None]


def test_what_was_deployed_by_hand_may_be_on_any_cluster(up: Callable[[], bool | None], state: Callable[..., None]) -> None:
    """``pulumi up`` leaves no mark: on a cluster recreated since then, ``same`` would be said of what is gone."""
    state(STACK, NAMESPACE)
    assert [up(), up()] == [True, None]


def test_a_stack_that_was_only_made_is_nowhere(up: Callable[[], bool | None], state: Callable[..., None]) -> None:
    state(STACK)
    assert up() is None


def test_a_stack_is_made_once(tmp_path: Path, place: Place, state: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[bool] = []

    def stack(self: Deployment) -> None:
        made.append(StateFolder(self.state_folder, "dev").checkpoint is None)
        state()

    monkeypatch.setattr(Deployment, "_stack", property(stack))
    for _ in range(2):
        Deployment(Environment(name="dev"), cluster=cast("Cluster", place), root=tmp_path).make()
    assert made == [True]
