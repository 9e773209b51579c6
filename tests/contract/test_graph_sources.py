"""The contract of ``stacks.graph.sources``: equal objects give equal graphs, from whichever source and in whichever order they come.

Every source that needs no server is held to it; ``read`` writes the objects down as that source finds them, and reads them back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml

from stacks.environment import Environment
from stacks.errors import ConfigurationError
from stacks.graph import SECRET, Graph, compare
from stacks.graph.sources import from_manifests, from_preview, from_program, from_state

Manifest = Mapping[str, Any]

STACK = "urn:pulumi:contract::sandtable::pulumi:pulumi:Stack::sandtable-contract"
OBJECTS: Sequence[Manifest] = [
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "ai", "labels": {"tier": "1"}}},
    {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "token", "namespace": "ai"}, "stringData": {"key": "value"}},
    {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings", "namespace": "ai"}, "data": {"a.yaml": "b: [1, 2]\n"}},
    {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "engine", "namespace": "ai"},
        "spec": {"replicas": 2, "template": {"spec": {"containers": [{"name": "engine", "args": ["--slots", "4"], "ports": []}]}}},
    },
]
IDENTITIES = {
    ("v1", "Namespace", "", "ai"),
    ("v1", "Secret", "ai", "token"),
    ("v1", "ConfigMap", "ai", "settings"),
    ("apps/v1", "Deployment", "ai", "engine"),
}


def token(manifest: Manifest) -> str:
    """Pulumi's type of an object."""
    version = manifest["apiVersion"]
    return f"kubernetes:{version if '/' in version else 'core/' + version}:{manifest['kind']}"


def state(manifest: Manifest) -> dict[str, Any]:
    """An object as Pulumi's documents list it."""
    urn = f"urn:pulumi:contract::sandtable::{token(manifest)}::{manifest['metadata']['name']}"
    return {"urn": urn, "type": token(manifest), "parent": STACK, "inputs": manifest}


def step(operation: str, manifest: Manifest) -> dict[str, Any]:
    """One step of a plan."""
    sides = ("oldState",) if "delete" in operation or "discard" in operation else ("oldState", "newState")
    return {"op": operation, "urn": state(manifest)["urn"], **{side: state(manifest) for side in sides}}


def served(manifest: Manifest) -> Manifest:
    """The same object, with what only an API server writes."""
    metadata = {**manifest["metadata"], "uid": "1", "resourceVersion": "7", "creationTimestamp": "2024-01-01T00:00:00Z"}
    return {**manifest, "metadata": metadata, "status": {"observedGeneration": 1}}


class GraphSourceContract:
    """What every source keeps; ``nothing_is_an_error`` where reading no object at all is more likely a wrong path than an empty stack."""

    __test__ = False
    nothing_is_an_error = False

    def read(self, objects: Sequence[Manifest]) -> Graph:
        raise NotImplementedError

    def test_every_object_is_there_once_under_its_own_name(self) -> None:
        graph = self.read(OBJECTS)
        assert len(graph) == len({r.urn for r in graph}) == len(OBJECTS)
        assert {r.identity for r in graph} == IDENTITIES
        assert graph.source

    def test_the_order_says_nothing(self) -> None:
        graph = self.read(OBJECTS)
        for others in (OBJECTS[::-1], [*OBJECTS[2:], *OBJECTS[:2]]):
            assert self.read(others) == graph
            assert self.read(others).digest == graph.digest

    def test_every_source_gives_the_same_digest(self) -> None:
        assert self.read(OBJECTS).digest == from_state({"deployment": {"resources": [state(manifest) for manifest in OBJECTS]}}).digest

    def test_a_changed_object_is_another_stack(self) -> None:
        deployment = {**OBJECTS[3], "spec": {**OBJECTS[3]["spec"], "replicas": 3}}
        changed = self.read([*OBJECTS[:3], deployment])
        assert changed.digest != self.read(OBJECTS).digest
        assert compare(self.read(OBJECTS), changed).changed == {"Deployment ai/engine": ("spec.replicas",)}

    def test_what_a_server_adds_is_left_out(self) -> None:
        assert self.read([served(manifest) for manifest in OBJECTS]) == self.read(OBJECTS)

    def test_normalising_twice_changes_nothing(self) -> None:
        graph = self.read(OBJECTS)
        assert Graph.of(graph, graph.source) == graph
        written = [resource.inputs for resource in graph]
        assert json.loads(json.dumps(written)) == written

    def test_a_secret_is_a_mark(self) -> None:
        (secret,) = self.read(OBJECTS).objects("Secret")
        assert secret.inputs["data"] == SECRET
        assert "stringData" not in secret.inputs

    def test_no_object_at_all(self) -> None:
        if self.nothing_is_an_error:
            with pytest.raises(ConfigurationError, match="no Kubernetes object in"):
                self.read([])
        else:
            assert len(self.read([])) == 0


class TestProgram(GraphSourceContract):
    __test__ = True

    @pytest.fixture(autouse=True)
    def _patches(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monkeypatch = monkeypatch

    def run(self, program: Any) -> Graph:
        self.monkeypatch.setattr("stacks.program.program", program)
        return from_program(Environment(name="contract"))

    def read(self, objects: Sequence[Manifest]) -> Graph:
        def program(_: Environment) -> None:
            for manifest in objects:
                pulumi.CustomResource(token(manifest), manifest["metadata"]["name"], dict(manifest))

        return self.run(program)

    @pytest.mark.parametrize("name", ["ai", "another"])
    def test_one_thing_declared_twice_is_refused_by_name(self, name: str) -> None:
        """The same URN, which the engine would refuse, and the same object under another one, which the API server would."""

        def program(_: Environment) -> None:
            for own in ("ai", name):
                pulumi.CustomResource(token(OBJECTS[0]), own, dict(OBJECTS[0]))

        with pytest.raises(ConfigurationError, match=r"Namespace ai is declared twice: urn:.*::ai and urn:.*rename one of them"):
            self.run(program)

    def test_a_component_does_not_count(self) -> None:
        def program(_: Environment) -> None:
            part = pulumi.ComponentResource("acme:infra:Part", "part")
            for manifest in OBJECTS:
                options = pulumi.ResourceOptions(parent=part)
                pulumi.CustomResource(token(manifest), manifest["metadata"]["name"], dict(manifest), options)

        assert self.run(program).digest == self.read(OBJECTS).digest

    def test_what_the_program_refuses_reaches_the_caller_with_its_fix(self) -> None:
        def program(_: Environment) -> None:
            raise ConfigurationError("no such pool: name one of `node_pools`")

        with pytest.raises(ConfigurationError, match="name one of `node_pools`"):
            self.run(program)


@pytest.mark.parametrize("names", [("a", "a-peers"), ("default-deny",)])
def test_a_store_with_the_name_of_another_object_is_refused(names: tuple[str, ...]) -> None:
    stores = [{"name": name, "kind": "redis"} for name in names]
    with pytest.raises(ConfigurationError, match=rf"data/{names[-1]} is declared twice: .*rename one of them"):
        from_program(Environment.model_validate({"name": "contract", "data_stores": stores}))


class TestPreview(GraphSourceContract):
    __test__ = True

    def read(self, objects: Sequence[Manifest]) -> Graph:
        return from_preview({"steps": [step("create", manifest) for manifest in objects]})

    @pytest.mark.parametrize("operation", ["delete", "delete-replaced", "discard", "discard-replaced", "remove-pending-replace"])
    def test_what_is_about_to_go_is_not_there(self, operation: str) -> None:
        graph = from_preview({"steps": [*[step("same", manifest) for manifest in OBJECTS[1:]], step(operation, OBJECTS[0])]})
        assert {r.identity for r in graph} == IDENTITIES - {("v1", "Namespace", "", "ai")}

    @pytest.mark.parametrize("order", [1, -1])
    def test_what_is_replaced_is_there_once_as_it_will_be(self, order: int) -> None:
        new = {**OBJECTS[0], "metadata": {"name": "ai", "labels": {"tier": "2"}}}
        steps = [
            {**step("create-replacement", new), "oldState": state(OBJECTS[0])},
            step("replace", new),
            step("delete-replaced", OBJECTS[0]),
        ]
        (namespace,) = from_preview({"steps": steps[::order]})
        assert namespace.labels == {"tier": "2"}

    def test_another_document_is_refused_with_the_fix(self) -> None:
        with pytest.raises(ConfigurationError, match="pulumi preview --json"):
            from_preview({"deployment": {"resources": [state(OBJECTS[0])]}})


class TestExportedState(GraphSourceContract):
    __test__ = True

    def read(self, objects: Sequence[Manifest]) -> Graph:
        return from_state(
            {"version": 3, "deployment": {"resources": [{"urn": STACK, "type": "pulumi:pulumi:Stack"}, *map(state, objects)]}}
        )

    def test_what_is_about_to_go_is_not_there(self) -> None:
        going = {**state(OBJECTS[0]), "delete": True}
        assert {r.identity for r in from_state({"deployment": {"resources": [going, *map(state, OBJECTS[1:])]}})} == IDENTITIES - {
            ("v1", "Namespace", "", "ai")
        }

    def test_another_document_is_refused_with_the_fix(self) -> None:
        with pytest.raises(ConfigurationError, match="pulumi stack export"):
            from_state({"steps": [step("create", OBJECTS[0])]})


class TestManifests(GraphSourceContract):
    __test__ = True
    nothing_is_an_error = True

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path

    def read(self, objects: Sequence[Manifest]) -> Graph:
        """One file with many documents."""
        path = self.folder / "objects.yaml"
        path.write_text(yaml.safe_dump_all(objects), encoding="utf-8")
        return from_manifests([path])

    def test_files_folders_and_lists_say_the_same(self) -> None:
        graph = self.read(OBJECTS)
        apart, together = self.folder / "apart" / "below", self.folder / "list.json"
        apart.mkdir(parents=True)
        for number, manifest in enumerate(OBJECTS):
            (apart / f"{number}.yml").write_text(yaml.safe_dump(manifest), encoding="utf-8")
        together.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": OBJECTS}), encoding="utf-8")
        assert from_manifests([self.folder / "apart"]) == from_manifests([together]) == graph

    def test_another_document_is_refused_with_its_place(self) -> None:
        path = self.folder / "state.json"
        path.write_text(json.dumps({"version": 3, "deployment": {"resources": []}}), encoding="utf-8")
        with pytest.raises(ConfigurationError, match=r"state\.json \(document 1\): `apiVersion` and `kind` are missing"):
            from_manifests([path])
