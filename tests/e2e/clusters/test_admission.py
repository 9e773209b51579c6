"""The API server and the CEL library say the same of every object: examples, the examples in every kind, mutations of them, prod.

The policies are bound with `Warn`: the API server then names every rule that an object breaks, where `Deny` names one.
"""

from __future__ import annotations

import copy
import json
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from types import SimpleNamespace
from typing import Any

import kubernetes
import pulumi_kubernetes as k8s
import pytest

from policies.objects import CompiledRule, compile_rules
from stacks.admission.rules import KINDS, TEMPLATES, ObjectRule, load_rules
from stacks.clusters.embedded import EmbeddedCluster
from stacks.components.security.admission import PolicyAdmission, policy_name, policy_spec
from stacks.environment import Admission, Environment
from stacks.environment.file import load
from stacks.graph.sources import from_program

pytestmark = pytest.mark.e2e

RULES = load_rules()
COMPILED = compile_rules(RULES)
REGISTRATION = "/apis/admissionregistration.k8s.io/v1"
PATIENCE_S = 180.0


class ApiServer:
    """The few requests that these tests send, with the warnings of the answers."""

    def __init__(self, kubeconfig: str, context: str) -> None:
        self._client = kubernetes.config.new_client_from_config(kubeconfig, context)

    def send(self, method: str, path: str, body: Any = None, media_type: str = "application/json") -> tuple[int, Any, list[str]]:
        url = self._client.configuration.host + path
        pool = self._client.rest_client.pool_manager
        answer = pool.request(method, url, body=json.dumps(body) if body is not None else None, headers={"Content-Type": media_type})
        warnings = answer.headers.getlist("Warning") if "Warning" in answer.headers else []
        return answer.status, json.loads(answer.data), warnings

    def create(self, manifest: dict[str, Any], *, dry_run: bool = False) -> tuple[int, Any, list[str]]:
        return self.send("POST", collection(manifest) + ("?dryRun=All" if dry_run else ""), manifest)

    def broken_rules(self, manifest: dict[str, Any]) -> set[str] | None:
        """Ids of the rules that the API server finds broken; None where the object is no valid object at all."""
        status, answer, warnings = self.create(manifest, dry_run=True)
        if status in {400, 422}:
            return None
        assert status == 201, answer
        return set(re.findall(r"ValidatingAdmissionPolicy 'sandtable-([a-z0-9-]+)'", " ".join(warnings)))


def collection(manifest: dict[str, Any]) -> str:
    group, _, version = manifest["apiVersion"].rpartition("/")
    root = f"/apis/{group}/{version}" if group else f"/api/{version}"
    kind = manifest["kind"]
    if kind in {"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"}:
        return f"{root}/{kind.lower().replace('policy', 'policies') if kind.endswith('Policy') else kind.lower() + 's'}"
    resource = KINDS[kind].resource
    if not KINDS[kind].namespaced:
        return f"{root}/{resource}"
    return f"{root}/namespaces/{manifest.get('metadata', {}).get('namespace', 'default')}/{resource}"


def wait_for(what: str, happened: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not happened():
        assert time.monotonic() < end, f"{what}: not within {PATIENCE_S:g} s"
        time.sleep(0.1)


def there(server: ApiServer, manifest: dict[str, Any]) -> None:
    """Make an object, which an earlier try may have made."""
    status, answer, _ = server.create(manifest)
    assert status in {201, 409}, answer


def declared(program: Callable[[Environment], object], environment: Environment) -> list[dict[str, Any]]:
    """The manifests that a small program declares."""
    kept = sys.modules.get("stacks.program")
    sys.modules["stacks.program"] = SimpleNamespace(program=program)  # type: ignore[assignment]
    try:
        return [dict(resource.inputs) for resource in from_program(environment).objects()]
    finally:
        del sys.modules["stacks.program"]
        if kept is not None:
            sys.modules["stacks.program"] = kept


@pytest.fixture(scope="module")
def server(new_cluster: Callable[[str], EmbeddedCluster]) -> ApiServer:
    cluster = new_cluster("admission")
    cluster.start()
    return ApiServer(str(cluster.kubeconfig), cluster.context)


@pytest.fixture(scope="module")
def api(server: ApiServer) -> ApiServer:
    """A server on which every rule warns."""
    environment = Environment(name="prod", admission=Admission(mode="warn"))
    for manifest in declared(lambda env: PolicyAdmission("admission", environment=env), environment):
        there(server, manifest)
    for rule in RULES:
        bad = rule.examples.failing[0].object
        wait_for(f"{rule.id} becomes active", lambda bad=bad, rule=rule: rule.id in (server.broken_rules(bad) or ()))
    return server


@contextmanager
def bound(api: ApiServer, rule: ObjectRule, action: str) -> Iterator[None]:
    """Bind one rule with another action for the length of a `with`."""
    bad = rule.examples.failing[0].object

    def bind(action: str) -> None:
        path = f"{REGISTRATION}/validatingadmissionpolicybindings/{policy_name(rule)}"
        status, answer, _ = api.send("PATCH", path, {"spec": {"validationActions": [action]}}, "application/merge-patch+json")
        assert status == 200, answer

    try:
        bind(action)
        wait_for(f"{rule.id} denies", lambda: api.create(bad, dry_run=True)[0] == 403)
        yield
    finally:
        bind("Warn")
        wait_for(f"{rule.id} warns again", lambda: api.create(bad, dry_run=True)[0] == 201)


def ours(manifest: dict[str, Any]) -> set[str]:
    return {compiled.rule.id for compiled in COMPILED if compiled.rule.applies_to(manifest) and not compiled.judge(manifest).admitted}


def in_every_kind(pod: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The same pod as the template of every kind that has one."""
    labels = {"app": "example", **pod["metadata"].get("labels", {})}
    for kind in TEMPLATES:
        template: dict[str, Any] = {"metadata": {"labels": labels}, "spec": copy.deepcopy(pod["spec"])}
        spec: dict[str, Any] = {"template": template}
        if kind in {"Job", "CronJob"}:
            template["spec"]["restartPolicy"] = "Never"
        else:
            exact = {"app": "example"}
            spec["selector"] = exact if kind == "ReplicationController" else {"matchLabels": exact}
        if kind == "StatefulSet":
            spec["serviceName"] = "example"
        if kind == "CronJob":
            spec = {"schedule": "0 3 * * *", "jobTemplate": {"spec": spec}}
        top = {"apiVersion": f"{KINDS[kind].group}/v1".lstrip("/"), "kind": kind, "metadata": copy.deepcopy(pod["metadata"])}
        yield {**top, **({"template": template} if kind == "PodTemplate" else {"spec": spec})}


def every_form(manifest: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if manifest["kind"] == "Pod":
        yield from in_every_kind(manifest)


def mutations(manifest: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The manifest with one value removed or, where it is a truth value, turned round."""

    def paths(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
        items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, item in items:
            yield (*path, key)
            yield from paths(item, (*path, key))

    for path in paths(manifest, ()):
        if path[0] in {"apiVersion", "kind"}:
            continue
        for turned in (False, True):
            mutant = copy.deepcopy(manifest)
            place = mutant
            for key in path[:-1]:
                place = place[key]
            if not turned:
                del place[path[-1]]
            elif isinstance(place[path[-1]], bool):
                place[path[-1]] = not place[path[-1]]
            else:
                continue
            yield mutant


def examples() -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{rule.id}: {example.name}", example.object) for rule in RULES for example in (*rule.examples.passing, *rule.examples.failing)
    ]


def test_every_example_gets_the_declared_verdict_from_both(api: ApiServer) -> None:
    for rule in RULES:
        for example in (*rule.examples.passing, *rule.examples.failing):
            theirs = api.broken_rules(example.object)
            assert theirs is not None, f"{rule.id}: {example.name}: no valid object"
            assert (rule.id in theirs) == (example in rule.examples.failing), f"{rule.id}: {example.name}"
            assert theirs == ours(example.object), f"{rule.id}: {example.name}"


@pytest.mark.timeout(600)  # over 600 objects, by every rule
def test_both_agree_on_every_pod_in_every_kind(api: ApiServer) -> None:
    compared = 0
    for manifest in (form for _, example in examples() for form in every_form(example)):
        theirs = api.broken_rules(manifest)
        assert theirs is not None, manifest
        assert theirs == ours(manifest), manifest
        compared += 1
    assert compared >= 100


def test_both_agree_on_mutations_of_every_example(api: ApiServer) -> None:
    originals = [(name, form) for name, manifest in examples() for form in (manifest, *islice(every_form(manifest), 1))]
    mutants = [(name, mutant) for name, manifest in originals for mutant in mutations(manifest)]
    verdicts = [(name, mutant, api.broken_rules(mutant)) for name, mutant in mutants]
    valid = [(name, mutant, theirs) for name, mutant, theirs in verdicts if theirs is not None]
    assert [f"{name}: {theirs ^ ours(mutant)}: {json.dumps(mutant)}" for name, mutant, theirs in valid if theirs != ours(mutant)] == []
    assert len(valid) >= 400, f"only {len(valid)} of {len(mutants)} mutants were valid objects"


def test_both_agree_on_what_prod_deploys(api: ApiServer) -> None:
    objects = list(from_program(load("prod")).objects(*{kind for rule in RULES for kind in rule.kinds}, "Namespace"))
    for namespace in (resource for resource in objects if resource.kind == "Namespace"):
        api.create(dict(namespace.inputs))
    judged = 0
    for resource in objects:
        theirs = api.broken_rules(dict(resource.inputs)) if resource.kind != "Namespace" else ours(dict(resource.inputs))
        assert theirs is not None, resource.label
        assert theirs == ours(dict(resource.inputs)), resource.label
        judged += 1
    assert judged >= 30


def test_neither_judges_the_clusters_own_namespaces(api: ApiServer) -> None:
    bad = copy.deepcopy(next(rule for rule in RULES if rule.id == "no-host-paths").examples.failing[0].object)
    bad["metadata"]["namespace"] = "kube-system"
    assert api.broken_rules(bad) == ours(bad) == set()


def test_no_expression_has_a_type_error_in_any_kind(server: ApiServer) -> None:
    """The API server checks a policy against the schema of its kind; for several kinds at once the rules opt out with `dyn`."""
    typed = [(rule, kind, rule.model_copy(update={"kinds": (kind,)})) for rule in RULES for kind in rule.kinds]

    def program(_: Environment) -> None:
        for rule, kind, narrowed in typed:
            name = f"typed-{rule.id}-{kind.lower()}"
            k8s.admissionregistration.v1.ValidatingAdmissionPolicy(name, metadata={"name": name}, spec=policy_spec(narrowed))

    manifests = declared(program, Environment(name="types"))
    assert len(manifests) == len(typed)
    for manifest in manifests:
        there(server, manifest)
    for manifest in manifests:
        name = manifest["metadata"]["name"]
        found: dict[str, Any] = {}

        def checked(name: str = name, found: dict[str, Any] = found) -> bool:
            found.update(server.send("GET", f"{REGISTRATION}/validatingadmissionpolicies/{name}")[1])
            return "typeChecking" in found.get("status", {})

        wait_for(f"{name} is type-checked", checked)
        assert not found["status"]["typeChecking"].get("expressionWarnings"), f"{name}: {found['status']['typeChecking']}"


def test_deny_refuses_with_the_rules_own_words_and_lets_a_waiver_pass(api: ApiServer) -> None:
    rule = next(rule for rule in RULES if rule.id == "no-host-paths")
    with bound(api, rule, "Deny"):
        status, answer, _ = api.create(rule.examples.failing[0].object, dry_run=True)
        assert status == 403
        assert "paths of the node: /run/containerd/containerd.sock" in answer["message"]
        waived = next(example for example in rule.examples.passing if "waived" in example.name)
        assert api.create(waived.object, dry_run=True)[0] == 201


def test_pods_that_a_controller_makes_of_a_waived_object_are_not_judged_again(api: ApiServer) -> None:
    rule = next(rule for rule in RULES if rule.id == "no-host-paths")
    bad = copy.deepcopy(rule.examples.failing[0].object)
    pod = bad["spec"]["template"]["spec"]
    deployment = next(
        wrapped for wrapped in in_every_kind({"metadata": {"name": "waived"}, "spec": pod}) if wrapped["kind"] == "Deployment"
    )
    deployment["metadata"] = {"generateName": "waived-", "annotations": {"sandtable.dev/waiver": "no-host-paths: this test"}}
    with bound(api, rule, "Deny"):
        direct = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "direct"}, "spec": pod}
        assert api.create(direct, dry_run=True)[0] == 403
        status, answer, _ = api.create(deployment)
        assert status == 201, answer
        prefix = f"{answer['metadata']['name']}-"

        def pods() -> list[str]:
            items = api.send("GET", "/api/v1/namespaces/default/pods?labelSelector=app%3Dexample")[1]["items"]
            return [item["metadata"]["name"] for item in items]

        wait_for("the pod of the waived Deployment exists", lambda: any(name.startswith(prefix) for name in pods()))


def test_a_large_object_is_judged_within_the_servers_cost_budget(api: ApiServer) -> None:
    script = "echo a line of a long script\n" * 4_000
    variables = [{"name": f"SETTING_{number}", "value": "x" * 200} for number in range(200)]
    containers = [{"name": f"c{number}", "image": "a:1.4.2", "command": ["/bin/sh", "-c", script], "env": variables} for number in range(4)]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "large"}, "spec": {"containers": containers}}
    theirs = api.broken_rules(pod)
    assert theirs == ours(pod)
    assert "no-secrets-in-environment" not in (theirs or ())


def test_a_container_that_is_added_to_a_running_pod_is_judged(api: ApiServer) -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "debugged"}, "spec": {"containers": [{"name": "a", "image": "a:1.4.2"}]}}
    there(api, pod)
    pod["spec"]["ephemeralContainers"] = [{"name": "tools", "image": "tools:latest", "securityContext": {"privileged": True}}]
    path = f"{collection(pod)}/debugged/ephemeralcontainers?dryRun=All"
    status, answer, warnings = api.send("PATCH", path, {"spec": pod["spec"]}, "application/strategic-merge-patch+json")
    assert status == 200, answer
    broken = set(re.findall(r"ValidatingAdmissionPolicy 'sandtable-([a-z0-9-]+)'", " ".join(warnings)))
    assert broken >= {"images-pinned", "no-privileged-pods"}
    assert broken == ours(pod)


def test_a_wrong_expression_is_seen_by_this_comparison(api: ApiServer) -> None:
    """The comparison above has teeth: a rule that says something else here than there disagrees on its examples."""
    rule = next(rule for rule in RULES if rule.id == "run-as-non-root")
    wrong = CompiledRule(rule.model_copy(update={"expression": "true"}))
    bad = rule.examples.failing[0].object
    assert wrong.judge(bad).admitted
    assert rule.id in (api.broken_rules(bad) or ())
