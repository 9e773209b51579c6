from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stacks.errors import ConfigurationError
from stacks.sources import from_manifests, from_preview, from_state

STACK = "urn:pulumi:dev::sandtable::pulumi:pulumi:Stack::sandtable-dev"
NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "ai"}}


def state(name: str, **more: Any) -> dict[str, Any]:
    kind = "kubernetes:core/v1:Namespace"
    return {"urn": f"urn:pulumi:dev::sandtable::{kind}::{name}", "type": kind, "parent": STACK, "inputs": NAMESPACE, **more}


def test_a_state_lists_what_is_there() -> None:
    graph = from_state({"deployment": {"resources": [{"urn": STACK, "type": "pulumi:pulumi:Stack"}, state("a"), state("b", delete=True)]}})
    assert [r.name for r in graph] == ["a"]
    assert graph.resources[0].parent is None


def test_an_empty_stack_is_an_empty_graph() -> None:
    assert len(from_state({"version": 3, "deployment": {"manifest": {}}})) == 0


def test_a_preview_lists_what_will_be_there() -> None:
    steps = [
        {"op": "same", "urn": "1", "oldState": state("a"), "newState": state("a")},
        {"op": "create", "urn": "2", "newState": state("b")},
        {"op": "delete", "urn": "3", "oldState": state("c")},
    ]
    assert [r.name for r in from_preview({"steps": steps})] == ["a", "b"]


def test_a_preview_that_leaves_out_what_stays_is_refused_with_the_mend() -> None:
    created, kept = {"op": "create", "urn": "1", "newState": state("a")}, {"op": "same", "urn": "2", "newState": state("b")}
    with pytest.raises(ConfigurationError, match=r"leaves out 1 resources .*--show-sames"):
        from_preview({"steps": [created], "changeSummary": {"create": 1, "same": 1}})
    assert len(from_preview({"steps": [created, kept], "changeSummary": {"create": 1, "same": 1}})) == 2


def test_equal_objects_have_equal_digests_from_every_source(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("apiVersion: v1\nkind: Namespace\nmetadata: {name: ai}\n", encoding="utf-8")
    digests = {
        from_state({"deployment": {"resources": [state("a")]}}).digest,
        from_preview({"steps": [{"op": "create", "urn": "1", "newState": state("a")}]}).digest,
        from_manifests([tmp_path]).digest,
    }
    assert len(digests) == 1


@pytest.mark.parametrize("read", [from_state, from_preview])
@pytest.mark.parametrize("document", [{"something": "else"}, [], [{"urn": "a"}], "text", None, 5])
def test_another_document_is_refused_by_name(read: Any, document: Any) -> None:
    with pytest.raises(ConfigurationError, match="pulumi"):
        read(document)


@pytest.mark.parametrize("entry", ["text", None, {}, {"urn": 5}])
def test_a_broken_entry_of_a_document_is_named(entry: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"deployment\.resources\[1\]: `urn` and `type` are expected"):
        from_state({"deployment": {"resources": [state("a"), entry]}})
    with pytest.raises(ConfigurationError, match=r"steps\[0\]: `op` and `urn` are expected"):
        from_preview({"steps": [entry]})


def test_lists_are_split_and_folders_searched(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "l.json").write_text(
        '{"apiVersion":"v1","kind":"List","items":[{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"}}]}'
    )
    assert [r.label for r in from_manifests([tmp_path])] == ["Pod p"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: [", "is not YAML"),
        ("a: 1", "`apiVersion` and `kind` are missing"),
        ("apiVersion: v1\nkind: Pod", "`metadata.name` is missing"),
        ("apiVersion: v1\nkind: Pod\nmetadata: text", r"x\.yaml \(document 1\): `metadata` is 'text'; a mapping"),
        ("apiVersion: v1\nkind: Pod\nmetadata: {name: 123}", "`metadata.name` is 123, which is no text; put it in quotes"),
        ("apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: 1}", "`metadata.namespace` is 1, which is no text"),
        ("apiVersion: v1\nkind: List\nitems: 5", "`items` is 5; a list of objects is expected"),
        ("", "no Kubernetes object"),
        ("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: a}", "Pod a is already in"),
    ],
)
def test_bad_manifests_name_the_place(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "x.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=expected):
        from_manifests([tmp_path / "x.yaml"])


def test_a_path_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no such file"):
        from_manifests([tmp_path / "nowhere"])
