"""The stacks of the shipped environments, read without any engine: what an operator may rely on."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from stacks.components.cluster.node_pools import nodes_made_by
from stacks.environment import Environment
from stacks.environment.file import load
from stacks.graph import SECRET, UNKNOWN, Graph, Resource, labels
from stacks.graph.capacity import Amounts, nodes
from stacks.graph.demand import workloads
from stacks.graph.sources import from_program, program
from stacks.pricing.costs import monthly_cost
from stacks.pricing.prices import PriceBook
from workloads.engine.spec import EngineSpec

ROOT = Path(__file__).parents[2]
NAMES = ["dev", "lab", "staging", "prod", "training"]

pytestmark = pytest.mark.parametrize("name", NAMES)


@cache
def environment(name: str) -> Environment:
    return load(name, root=ROOT)


@cache
def built(name: str) -> tuple[Graph, dict[str, set[str]]]:
    """The graph, and by name which inputs of a StatefulSet count only when it is made."""
    ignored: dict[str, set[str]] = {}
    register = program._Recorder.RegisterResource

    def recording(recorder: Any, request: Any) -> Any:
        if request.type.endswith(":StatefulSet"):
            ignored[request.name] = set(request.ignoreChanges)
        return register(recorder, request)

    with mock.patch.object(program._Recorder, "RegisterResource", recording):
        found = from_program(environment(name))
    assert len(found) > 0
    return found, ignored


def graph(name: str) -> Graph:
    return built(name)[0]


def with_pods(name: str) -> Iterator[Resource]:
    found = [r for r in graph(name).objects() if r.pod_template is not None]
    assert len(found) > 10
    yield from found


def selected_by(selector: Mapping[str, Any] | None, name: str, namespace: str | None) -> list[Resource]:
    wanted = (selector or {}).get("matchLabels", selector or {})
    return [r for r in with_pods(name) if r.namespace == namespace and wanted.items() <= r.pod_labels.items()]


def test_there_is_what_the_environment_asks_for(name: str) -> None:
    kinds = Counter(r.kind for r in graph(name).objects())
    if name == "prod":
        assert sum(kinds.values()) >= 150
    assert {"Namespace", "Deployment", "StatefulSet", "DaemonSet", "NetworkPolicy", "ValidatingAdmissionPolicy"} <= set(kinds)
    made = [pool.min_nodes for pool in environment(name).node_pools if nodes_made_by(environment(name), pool) == labels.NODES_OF_THE_STACK]
    assert kinds["Node"] == sum(made)
    pools = {r.labels[labels.POOL] for r in graph(name).objects("ConfigMap") if r.namespace == "node-pools"}
    assert pools == {pool.name for pool in environment(name).node_pools}


def test_no_object_is_declared_twice(name: str) -> None:
    identities = Counter(r.identity for r in graph(name).objects())
    assert [identity for identity, count in identities.items() if count > 1] == []


def test_no_input_waits_for_a_provider(name: str) -> None:
    assert [r.label for r in graph(name) if UNKNOWN in json.dumps(r.inputs)] == []


def test_every_object_belongs_to_a_component(name: str) -> None:
    urns = {r.urn: r for r in graph(name)}
    for resource in graph(name).objects():
        assert resource.parent, resource.label
        assert urns[resource.parent].type.startswith("sandtable:"), resource.label


def test_every_object_is_named_and_labelled(name: str) -> None:
    wanted = {
        "app.kubernetes.io/part-of": "sandtable",
        "app.kubernetes.io/managed-by": "pulumi",
        "app.kubernetes.io/instance": name,
        labels.OWNER: environment(name).owner,
        labels.ENVIRONMENT: name,
        labels.COST_CENTRE: environment(name).cost_centre,
    }
    for resource in graph(name).objects():
        assert resource.metadata.get("name"), resource.urn
        assert wanted.items() <= resource.labels.items(), resource.label
        assert {"app.kubernetes.io/name", "app.kubernetes.io/component"} <= set(resource.labels), resource.label


def test_pods_carry_the_labels_of_their_object(name: str) -> None:
    for resource in with_pods(name):
        assert resource.pod_labels.get(labels.COST_CENTRE) == environment(name).cost_centre, resource.label
        selector = resource.spec.get("selector", {}).get("matchLabels", {})
        assert selector.items() <= resource.pod_labels.items(), resource.label


def test_claims_say_whose_they_are_and_who_pays(name: str) -> None:
    claims = [(r, claim) for r in graph(name).objects("StatefulSet") for claim in r.spec.get("volumeClaimTemplates", ())]
    assert claims
    wanted = {labels.OWNER: environment(name).owner, labels.ENVIRONMENT: name, labels.COST_CENTRE: environment(name).cost_centre}
    for resource, claim in claims:
        assert wanted.items() <= claim["metadata"]["labels"].items(), resource.label


def test_no_field_of_an_environment_replaces_a_set_with_claims(name: str) -> None:
    with_claims = {r.name for r in graph(name).objects("StatefulSet") if r.spec.get("volumeClaimTemplates")}
    ignored = built(name)[1]
    assert set(ignored) == {r.name for r in graph(name).objects("StatefulSet")}
    # Kubernetes cannot change a claim template: Pulumi's provider would end every replica, and recreate the set.
    assert {stateful for stateful in with_claims if "spec.volumeClaimTemplates" not in ignored[stateful]} == set()


#: Containers that go without a liveness probe; beside each of them in ``stacks/components`` stands why.
UNPROBED = {"vault", "spiffe-csi-driver", "device-plugin", "rbac-manager"}


def test_every_container_that_stays_has_its_probes(name: str) -> None:
    for resource in with_pods(name):
        if resource.kind in {"Job", "CronJob"}:
            continue  # it ends, and nothing waits for it to be ready
        sidecars = [container for container in resource.pod_spec.get("initContainers", ()) if container.get("restartPolicy") == "Always"]
        for container in [*resource.containers(), *sidecars]:
            if container["name"] in UNPROBED:
                assert "livenessProbe" not in container, f"{container['name']} has one by now: take it off the list"
                continue
            offered = {port["name"] for port in container.get("ports", ())}
            for kind in ("readinessProbe", "livenessProbe"):
                assert kind in container, f"{resource.label}: {container['name']}"
                assert container[kind].get("httpGet", {}).get("port") in {None, *offered}, f"{resource.label}: {container['name']}"


def test_selectors_of_controllers_do_not_overlap(name: str) -> None:
    for resource in with_pods(name):
        if selector := resource.spec.get("selector"):
            assert selected_by(selector, name, resource.namespace) == [resource]


#: Labels of pods that stand in no template: the server itself and the StatefulSet's controller write them.
WRITTEN_LATER = {"openbao-active", "vault-active", "statefulset.kubernetes.io/pod-name"}


def test_every_service_selects_pods_that_listen_on_its_ports(name: str) -> None:
    for service in graph(name).objects("Service"):
        selector = {key: value for key, value in service.spec["selector"].items() if key not in WRITTEN_LATER}
        behind = selected_by(selector, name, service.namespace)
        assert behind, service.label
        wanted = {port["targetPort"] for port in service.spec["ports"]}
        for resource in behind:
            offered = {port["name"] for container in resource.containers() for port in container.get("ports", ())}
            assert wanted <= offered, f"{service.label} → {resource.label}"


def test_every_network_policy_is_about_pods_that_exist(name: str) -> None:
    made_by_crossplane = "crossplane-functions"  # these pods are in no graph
    for policy in graph(name).objects("NetworkPolicy"):
        if policy.object_name not in {"default-deny", made_by_crossplane}:
            assert selected_by(policy.spec["podSelector"], name, policy.namespace), policy.label


def test_what_pods_refer_to_is_there(name: str) -> None:
    known = {(r.kind, r.namespace, r.object_name) for r in graph(name).objects()}
    cluster_wide = {(kind, object_name) for kind, namespace, object_name in known if namespace is None}
    for resource in with_pods(name):
        spec, namespace = resource.pod_spec, resource.namespace
        assert ("Namespace", namespace) in cluster_wide
        assert ("ServiceAccount", namespace, spec["serviceAccountName"]) in known, resource.label
        for kind, volume_names in _volumes(spec).items():
            assert {(kind, namespace, volume) for volume in volume_names} <= known, resource.label
        for container in [*spec["containers"], *spec.get("initContainers", [])]:
            mounts = {mount["name"] for mount in container.get("volumeMounts", ())}
            claims = {claim["metadata"]["name"] for claim in resource.spec.get("volumeClaimTemplates", ())}
            assert mounts <= {volume["name"] for volume in spec.get("volumes", ())} | claims, resource.label
            for variable in container.get("env", ()):
                if secret := variable.get("valueFrom", {}).get("secretKeyRef"):
                    assert ("Secret", namespace, secret["name"]) in known, resource.label
        if not spec["priorityClassName"].startswith("system-"):
            assert ("PriorityClass", spec["priorityClassName"]) in cluster_wide, resource.label
        if runtime := spec.get("runtimeClassName"):
            assert ("RuntimeClass", runtime) in cluster_wide, resource.label


def _volumes(spec: Mapping[str, Any]) -> dict[str, list[str]]:
    volumes = spec.get("volumes", ())
    return {
        "ConfigMap": [volume["configMap"]["name"] for volume in volumes if "configMap" in volume],
        "Secret": [volume["secret"]["secretName"] for volume in volumes if "secret" in volume],
    }


def test_secrets_show_as_a_mark(name: str) -> None:
    secrets = list(graph(name).objects("Secret"))
    wanted = {"vault-seal", *(["gateway-keys"] if environment(name).gateway else [])}
    assert wanted <= {r.object_name for r in secrets}
    for secret in secrets:
        # What a program of the cluster fills has no content of ours.
        assert secret.inputs.get("data", SECRET) == SECRET, secret.label


def test_only_namespaces_that_say_why_are_privileged(name: str) -> None:
    for namespace in graph(name).objects("Namespace"):
        profile = namespace.labels["pod-security.kubernetes.io/enforce"]
        reason = namespace.annotations.get(labels.PREFIX + "pod-security-reason")
        assert (profile == "privileged") == bool(reason), namespace.label
        assert profile in {"restricted", "privileged"}


def test_gpus_are_asked_for_on_gpu_pools_and_with_their_runtime(name: str) -> None:
    for resource in with_pods(name):
        asks = any(labels.GPU_RESOURCE in container["resources"]["requests"] for container in resource.containers())
        selects = resource.pod_spec.get("nodeSelector", {}).get(labels.GPU_PRESENT) == "true"
        assert selects or not asks, resource.label
        # What selects GPU nodes without asking for a GPU serves them all: it sees the GPUs through the runtime, too.
        assert (resource.pod_spec.get("runtimeClassName") == "nvidia") == selects, resource.label


def test_stateful_sets_stay_off_spot_nodes(name: str) -> None:
    spot = {pool.name for pool in environment(name).node_pools if pool.purchase == "spot"}
    for resource in graph(name).objects("StatefulSet"):
        if resource.object_name == "fl-client":
            continue  # clients vote on nothing: a round ends without one whose volume has to wait for a node
        assert resource.pod_spec["nodeSelector"][labels.POOL] not in spot, resource.label


def test_disruption_budgets_let_one_go_and_keep_a_majority_of_voters(name: str) -> None:
    for budget in graph(name).objects("PodDisruptionBudget"):
        (resource,) = selected_by(budget.spec["selector"], name, budget.namespace)
        replicas = resource.spec["replicas"]
        takes = budget.spec.get("maxUnavailable", replicas - budget.spec.get("minAvailable", 0))
        assert 1 <= takes < replicas, budget.label
        if resource.object_name in {"vault", "nats"}:
            assert replicas % 2 == 1
            assert replicas - takes > replicas // 2, budget.label


def test_everything_fits_on_the_nodes_that_are_paid_for(name: str) -> None:
    by_name = {node.name: node for node in nodes(graph(name))}
    room = {node.name: node.capacity or Amounts() for node in by_name.values()}
    found = workloads(graph(name))
    agents = [(workload, node.name) for workload in found if workload.per_node for node in by_name.values() if workload.admitted_by(node)]
    for workload, node in agents:
        assert workload.requests.fits(room[node]), f"{workload.label} on {node}"
        room[node] -= workload.requests
    # Largest first, onto the emptiest node that admits it. Jobs that run at times count, as if all ran at once.
    pods = [workload for workload in found if not workload.per_node for _ in range(workload.replicas)]
    for workload in sorted(pods, key=lambda w: (w.requests.gpu, w.requests.memory_gib, w.requests.cpu), reverse=True):
        fitting = [node for node in room if workload.admitted_by(by_name[node]) and workload.requests.fits(room[node])]
        assert fitting, workload.label
        room[max(fitting, key=lambda node: (room[node].gpu, room[node].cpu))] -= workload.requests


def test_nodes_are_there_before_and_after_what_runs_on_them(name: str) -> None:
    found = graph(name)
    (namespaces,) = [resource for resource in found if resource.type == "sandtable:cluster:Namespaces"]
    nodes = {resource.urn for resource in found if resource.type == "kubernetes:core/v1:Node"}
    assert bool(nodes) == (environment(name).cluster.provider == "embedded")
    assert nodes <= set(namespaces.depends_on)


def test_the_month_stays_within_the_budget(name: str) -> None:
    cost = monthly_cost(graph(name), PriceBook.bundled())
    assert cost.monthly_usd is not None
    assert cost.monthly_usd <= environment(name).budget.monthly_usd


def test_the_engine_is_started_as_the_environment_says(name: str) -> None:
    deployment = graph(name).find("Deployment", "ai-stack", "ai")
    assert deployment is not None
    assert deployment.pod_labels[labels.ROLE] == labels.ROLE_ENGINE
    (container,) = deployment.containers()
    assert container["name"] == "engine"
    spec, engine = EngineSpec.from_args(container["args"]), environment(name).engine
    assert (spec.model, spec.slots, spec.context_tokens, spec.threads) == (
        engine.model,
        engine.slots,
        engine.context_tokens,
        engine.threads,
    )
    assert deployment.spec["replicas"] == environment(name).ai_stack.replicas


def test_configuration_in_json_can_be_read(name: str) -> None:
    texts = [text for r in graph(name).objects("ConfigMap") for key, text in r.inputs.get("data", {}).items() if key.endswith(".json")]
    assert len(texts) >= 4
    for text in texts:
        json.loads(text)
