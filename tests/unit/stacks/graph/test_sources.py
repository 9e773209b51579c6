from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import pytest

from stacks.errors import ConfigurationError
from stacks.graph import SECRET, UNKNOWN
from stacks.graph.sources import from_manifests, from_preview, from_state

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:"
STACK = "urn:pulumi:dev::sandtable::pulumi:pulumi:Stack::sandtable-dev"
NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "ai"}}


PODS = {"template": {"spec": {"containers": []}}}


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


def test_what_is_deleted_for_its_replacement_does_not_count_and_is_told() -> None:
    graph = from_state({"deployment": {"resources": [state("a"), state("b", pendingReplacement=True)]}})
    assert [r.name for r in graph] == ["a"]
    assert graph.digest == from_state({"deployment": {"resources": [state("a")]}}).digest
    (sentence,) = graph.unseen
    assert sentence.startswith("Namespace ai was deleted to be replaced, and its replacement was not created; run `pulumi up`")


def test_operations_that_were_cut_off_are_told() -> None:
    operations = [{"type": "creating", "resource": state("a")}, {"type": "deleting", "resource": state("b")}]
    (sentence,) = from_state({"deployment": {"resources": [state("b")], "pending_operations": operations}}).unseen
    assert sentence.startswith("2 operations are pending (creating Namespace ai, deleting Namespace ai): an update was interrupted")
    assert not from_state({"deployment": {"resources": [state("b")], "pending_operations": []}}).unseen
    with pytest.raises(ConfigurationError, match=r"s\.json: `deployment\.pending_operations` is 5; a list is expected"):
        from_state({"deployment": {"resources": [], "pending_operations": 5}}, "s.json")


def diagnosed(severity: str, message: str) -> dict[str, Any]:
    step = {"op": "create", "urn": "1", "newState": state("a")}
    return {"steps": [step], "diagnostics": [{"severity": severity, "message": message}], "changeSummary": {"create": 1}}


def test_the_plan_of_a_program_that_failed_is_refused() -> None:
    trace = "error: the program failed:\nTraceback (most recent call last):\n  File main.py, line 7\nKeyError: 'image'\n"
    with pytest.raises(ConfigurationError, match=r"^plan\.json: this preview failed, .* did: KeyError: 'image'\."):
        from_preview(diagnosed("error", trace), "plan.json")
    without_steps = {"diagnostics": [{"severity": "error", "message": "error: no such file"}], "duration": 1}
    with pytest.raises(ConfigurationError, match=r"this preview failed, .* did: no such file\."):
        from_preview(without_steps, "plan.json")
    assert len(from_preview({"changeSummary": {}, "duration": 1})) == 0
    for severity in ("warning", "info", "info#err", "debug"):
        assert len(from_preview(diagnosed(severity, trace), "plan.json")) == 1


def test_a_name_may_hold_the_sign_that_parts_a_urn() -> None:
    urn = "urn:pulumi:dev::shop::kubernetes:rbac.authorization.k8s.io/v1:Role::team::pulumi:pulumi:Stack::reader"
    graph = from_state({"deployment": {"resources": [state("a", urn=urn), state("b", parent=urn)]}})
    assert [(r.name, r.parent) for r in graph] == [("b", urn), ("team::pulumi:pulumi:Stack::reader", None)]


def test_a_preview_that_leaves_out_what_stays_is_refused_with_the_fix() -> None:
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


def without(key: str, value: Any) -> dict[str, Any]:
    return {"deployment": {"resources": [state("a"), state("b", **{key: value})]}}


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("dependencies", [{}], r"`dependencies\[0\]` is {}, which is not a string"),
        ("dependencies", 5, "`dependencies` is 5; a list"),
        ("parent", 5, "`parent` is 5, which is not a string"),
        ("inputs", [1], r"`inputs` is \[1\]; a mapping"),
        ("custom", "yes", "`custom` is 'yes'; true or false"),
        ("inputs", {**NAMESPACE, "metadata": 5}, "Namespace: `metadata` is 5; a mapping"),
        ("inputs", {**NAMESPACE, "metadata": {"name": "ai", "annotations": ["x"]}}, "Namespace ai: `metadata.annotations` is"),
        ("inputs", {**NAMESPACE, "spec": 5}, "Namespace ai: `spec` is 5; a mapping"),
        ("inputs", {"x": math.nan}, r"a number in it is infinite, or none \(\.nan\)"),
        ("inputs", {"acl": {"x": [math.inf]}}, "a number in it is infinite"),
    ],
)
def test_a_wrong_kind_of_value_is_named_with_its_file_and_place(key: str, value: Any, words: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"^export\.json: deployment\.resources\[1\]: {words}"):
        from_state(without(key, value), "export.json")
    for side in ("newState", "oldState"):
        with pytest.raises(ConfigurationError, match=r"^plan\.json: steps\[0\]"):
            from_preview({"steps": [{"op": "same", "urn": "1", side: state("b", **{key: value})}]}, "plan.json")


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"steps": [], "changeSummary": [1]}, r"`changeSummary` is \[1\]; a mapping"),
        ({"steps": [], "changeSummary": {"same": "x"}}, "`changeSummary.same` is 'x'; a whole number"),
        ({"steps": [{"op": "create", "urn": "1", "newState": 5}]}, r"steps\[0\]: `newState` is 5; a mapping"),
        ({"steps": [{"op": "create", "urn": "1", "newState": {"inputs": {}}}]}, r"steps\[0\]: `urn` and `type` are expected"),
    ],
)
def test_a_plan_of_another_shape_is_refused_with_its_place(document: Any, words: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"^plan\.json: {words}"):
        from_preview(document, "plan.json")


def test_a_number_of_pulumis_protocol_is_whole() -> None:
    inputs = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}, "spec": {"replicas": 2.0, **PODS}}
    (resource,) = from_state({"deployment": {"resources": [state("a", inputs=inputs)]}})
    assert resource.spec["replicas"] == 2


def test_components_of_others_are_told_by_their_state() -> None:
    part = {"urn": "urn:pulumi:dev::theirs::acme:infra:Part::p", "type": "acme:infra:Part", "custom": False}
    bucket = {"urn": "urn:pulumi:dev::theirs::aws:s3:Bucket::b", "type": "aws:s3:Bucket", "custom": True, "inputs": {"acl": "private"}}
    graph = from_state({"deployment": {"resources": [part, bucket, state("a")]}})
    assert {r.name: r.counts for r in graph} == {"p": False, "b": True, "a": True}
    steps = [{"op": "create", "urn": s["urn"], "newState": s} for s in (part, bucket, state("a"))]
    assert from_preview({"steps": steps}).digest == graph.digest == from_state({"deployment": {"resources": [bucket, state("a")]}}).digest


@pytest.mark.parametrize("entry", ["text", None, {}, {"urn": 5}])
def test_a_broken_entry_of_a_document_is_named(entry: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"deployment\.resources\[1\]: `urn` and `type` are expected"):
        from_state({"deployment": {"resources": [state("a"), entry]}})
    with pytest.raises(ConfigurationError, match=r"steps\[0\]: `op` and `urn` are expected"):
        from_preview({"steps": [entry]})


def test_lists_are_split_and_folders_searched(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "l.json").write_text(
        '{"apiVersion":"v1","kind":"List","items":[{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},"spec":{}}]}'
    )
    assert [r.label for r in from_manifests([tmp_path])] == ["Pod p"]


MAP, THING = (f'{{"apiVersion": "v1", "kind": "{kind}", "metadata": {{"name": "a"}}' for kind in ("ConfigMap", "Thing"))


@pytest.mark.parametrize("name", ["a.json", "a.yaml", "a"])
@pytest.mark.parametrize(
    ("text", "count"),
    [
        (MAP + ', "data": {"a": "launch \\ud83d\\ude80"}}', 1),
        (MAP + "}" + THING + "}", 2),
        (MAP + "}\n" + THING + "}\n", 2),
        (MAP + ",  # of YAML\n }", 1),
        ("{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n---\napiVersion: v1\nkind: Thing\nmetadata: {name: a}\n", 2),
    ],
)
def test_json_is_read_as_json_whatever_the_file_is_called(tmp_path: Path, name: str, text: str, count: int) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert len(from_manifests([tmp_path / name])) == count


def test_what_is_neither_json_nor_yaml_is_told_as_its_ending_says(tmp_path: Path) -> None:
    for name, words in (("a.json", "is not JSON: Expecting"), ("a.yaml", ":1: is not YAML")):
        (tmp_path / name).write_text('{"kind": "ConfigMap" "x"}', encoding="utf-8")
        with pytest.raises(ConfigurationError, match=rf"{name}:? ?{words}"):
            from_manifests([tmp_path / name])


def test_manifests_in_utf_16_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("apiVersion: v1\nkind: Namespace\nmetadata: {name: é}\n", encoding="utf-16")
    assert [r.label for r in from_manifests([tmp_path])] == ["Namespace é"]
    (tmp_path / "a.yaml").write_text("apiVersion: v1\nkind: Namespace\nmetadata: {name: é}\n", encoding="latin-1")
    with pytest.raises(ConfigurationError, match="it is not UTF-8: byte 0xe9"):
        from_manifests([tmp_path])


def config_map(path: Path) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {path.stem}}}\n")
    return path


def test_linked_files_and_folders_are_read_once(tmp_path: Path) -> None:
    folder = config_map(tmp_path / "folder" / "own.yaml").parent
    other = config_map(tmp_path / "other" / "linked.yaml").parent
    (folder / "shared").symlink_to(other)
    (folder / "again").symlink_to(other)
    (folder / "round").symlink_to(folder)
    (folder / "file.yaml").symlink_to(config_map(tmp_path / "third" / "alone.yaml"))
    assert sorted(r.label for r in from_manifests([folder])) == ["ConfigMap alone", "ConfigMap linked", "ConfigMap own"]


def test_what_cannot_be_seen_does_not_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = config_map(tmp_path / "folder" / "own.yaml").parent
    (folder / "gone.yaml").symlink_to(tmp_path / "nowhere.yaml")
    with pytest.raises(ConfigurationError, match=r"gone\.yaml"):
        from_manifests([folder])
    (folder / "gone.yaml").unlink()
    (folder / "locked").mkdir()
    scan = os.scandir

    def locked(path: Any) -> Any:
        if Path(path).name == "locked":  # nothing is locked for root
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", locked)
    with pytest.raises(ConfigurationError, match="locked: cannot be read: Permission denied"):
        from_manifests([folder])


def test_the_items_of_a_typed_list_are_of_its_kind(tmp_path: Path) -> None:
    (tmp_path / "l.yaml").write_text("apiVersion: v1\nkind: ConfigMapList\nitems: [{metadata: {name: a}}, {metadata: {name: b}}]\n")
    assert [(r.label, r.type) for r in from_manifests([tmp_path])] == [(f"ConfigMap {n}", "kubernetes:core/v1:ConfigMap") for n in "ab"]


def test_a_kind_that_only_ends_like_a_list_is_an_object(tmp_path: Path) -> None:
    (tmp_path / "l.yaml").write_text("apiVersion: acme.example/v1\nkind: AllowList\nmetadata: {name: a}\nspec: {hosts: [x]}\n")
    assert [r.label for r in from_manifests([tmp_path])] == ["AllowList a"]


def test_a_date_is_a_text(tmp_path: Path) -> None:
    (tmp_path / "d.yaml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {built: 2024-01-01}\n")
    graph = from_manifests([tmp_path])
    assert graph.resources[0].inputs["data"] == {"built": "2024-01-01"}
    assert graph.digest


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: [", "is not YAML"),
        ("a: 1", "`apiVersion` and `kind` are missing"),
        ("apiVersion: v1\nkind: Pod\nspec: {}", "`metadata.name` is missing"),
        ("apiVersion: v1\nkind: Pod\nmetadata: text", r"x\.yaml \(document 1\): Pod: `metadata` is 'text'; a mapping"),
        ("apiVersion: v1\nkind: Pod\nmetadata: {name: 123}", "`metadata.name` is 123, which is not a string; put it in quotes"),
        ("apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: 1}", "`metadata.namespace` is 1, which is not a string"),
        ("apiVersion: v1\nkind: List\nitems: 5", "`items` is 5; a list of objects is expected"),
        ("apiVersion: v1\nkind: ConfigMapList\nitems: x", "`items` is 'x'; a list of objects is expected"),
        ("apiVersion: v1\nkind: List\nitems: [5]", r"items\[0\]: `apiVersion` and `kind` are missing"),
        ("apiVersion: v1\nkind: Pod\nmetadata: {generateName: a-}\nspec: {}", "`metadata.name` is missing; `generateName` differs each"),
        ("apiVersion: [v1]\nkind: Pod\nmetadata: {name: a}", r"`apiVersion` is \['v1'\], which is not a string"),
        ("apiVersion: v1\nkind: Pod\nmetadata: {name: a, name: b}", r"x\.yaml:3: the key 'name' occurs twice"),
        ("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {x: .inf}", "a number in it is infinite"),
        ("apiVersion: v1\nkind: Pod\nmetadata: {name: a, labels: {v: 1.0, w: true}}", "`metadata.labels.v` is 1, which is not a string"),
        ("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{resources: 5}]}", r"`spec\.containers\[0\]\.resources` is"),
        ("", "no Kubernetes object"),
        (
            "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {}",
            "already in",
        ),
        ("apiVersion: v1\nkind: Pod\nmetadata: {name: a}", "Pod a: `spec` is missing: it describes the pods"),
        ("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: null}", "Deployment a: `spec.template` is missing"),
        ("apiVersion: v1\nkind: PodTemplate\nmetadata: {name: a}\ntemplate: {}", "PodTemplate a: `template.spec` is missing"),
        (f"{POD} [{{env: [{{name: X, value: 5}}], name: a}}]", r"containers\[0\]\.env\[0\]\.value` is 5, which is not a string"),
        (f"{POD} [{{env: {{X: b}}, name: a}}]", r"containers\[0\]\.env` is \{'X': 'b'\}; a list is expected"),
        (f"{POD} [{{env: [{{value: x}}], name: a}}]", r"containers\[0\]\.env\[0\]\.name` is missing"),
        (f"{POD} [{{args: serve, name: a}}]", r"containers\[0\]\.args` is 'serve'; a list is expected"),
        (f"{POD} [{{command: [serve, 8080], name: a}}]", r"containers\[0\]\.command\[1\]` is 8080, which is not a string"),
        (f"{POD} [{{image: nginx}}]", r"containers\[0\]\.name` is missing"),
    ],
)
def test_bad_manifests_name_the_place(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "x.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=expected):
        from_manifests([tmp_path / "x.yaml"])


def test_a_kind_of_others_needs_no_pod_and_a_patch_says_only_what_it_changes(tmp_path: Path) -> None:
    (tmp_path / "j.yaml").write_text("apiVersion: batch.volcano.sh/v1alpha1\nkind: Job\nmetadata: {name: a}\nspec: {tasks: []}\n")
    assert [r.label for r in from_manifests([tmp_path])] == ["Job a"]
    patch = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}, "spec": {"replicas": 2}}
    assert len(from_state({"deployment": {"resources": [state("a", type="kubernetes:apps/v1:DeploymentPatch", inputs=patch)]}})) == 1
    with pytest.raises(ConfigurationError, match=r"`spec\.template` is missing"):
        from_state({"deployment": {"resources": [state("a", type="kubernetes:apps/v1:Deployment", inputs=patch)]}})


def test_what_is_not_known_yet_has_any_shape() -> None:
    container = {"name": "a", "args": UNKNOWN, "env": SECRET}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {"containers": [container]}}
    assert len(from_preview({"steps": [{"op": "create", "urn": "1", "newState": state("a", inputs=pod)}]})) == 1


def test_what_a_pipe_gives_is_read() -> None:
    end, begin = os.pipe()
    os.write(begin, b"apiVersion: v1\nkind: Namespace\nmetadata: {name: ai}\n")
    os.close(begin)
    try:
        assert [r.label for r in from_manifests([Path(f"/dev/fd/{end}")])] == ["Namespace ai"]
    finally:
        os.close(end)


def test_a_path_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no such file"):
        from_manifests([tmp_path / "nowhere"])


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("apps/v1 Deployment a", "apps/v1beta2 Deployment a", True),
        ("apps/v1 Deployment a", "apps/v1 Deployment a default", True),
        ("apps/v1 Deployment a", "apps/v1 Deployment a other", False),
        ("apps/v1 StatefulSet a", "apps.kruise.io/v1 StatefulSet a", False),
    ],
)
def test_the_same_object_in_another_version_or_with_the_default_namespace_is_told(tmp_path: Path, one: str, other: str, same: bool) -> None:
    texts = []
    for version, kind, name, *namespace in (one.split(), other.split()):
        metadata = f"{{name: {name}{', namespace: ' + namespace[0] if namespace else ''}}}"
        spec = "{template: {spec: {containers: []}}}"
        texts.append(f"apiVersion: {version}\nkind: {kind}\nmetadata: {metadata}\nspec: {spec}\n")
    file = tmp_path / "x.yaml"
    file.write_text("---\n".join(texts), encoding="utf-8")
    if same:
        with pytest.raises(ConfigurationError, match="already in"):
            from_manifests([file])
    else:
        assert len(from_manifests([file])) == 2


@pytest.mark.parametrize("value", ["8080", "true", "1.5"])
def test_a_config_map_holds_texts_only_as_the_api_server_has_it(tmp_path: Path, value: str) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\ndata: {{port: {value}}}", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"`data\.port` is .*, which is not a string; put it in quotes"):
        from_manifests([file])
