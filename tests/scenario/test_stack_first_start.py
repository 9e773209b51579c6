"""What the first start of the stack's pods on a real node brought to light, so that it does not come back."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from stacks.clusters.node.namespaces import PLACES, STATES
from stacks.environment.file import load
from stacks.graph import Graph
from stacks.graph.quantities import quantity
from stacks.graph.sources import from_program

ROOT = Path(__file__).parents[2]


@cache
def graph() -> Graph:
    return from_program(load("lab", root=ROOT))


def expanded(text: str) -> str:
    """Return an argument as the kubelet hands it over: `$$` is one dollar (kubernetes, third_party/forked/golang/expansion)."""
    return text.replace("$$", "$")


def test_the_secrets_engine_writes_its_own_pid() -> None:
    servers = graph().find("StatefulSet", "vault")
    assert servers is not None
    (line,) = next(iter(servers.containers()))["args"]
    assert "echo $$ > /vault/run/server.pid" in expanded(line)


@pytest.mark.parametrize(("role", "active"), [("active", "true"), ("standby", "false")])
def test_services_of_the_secrets_engine_select_the_label_that_it_sets(role: str, active: str) -> None:
    service = graph().find("Service", f"vault-{role}")
    assert service is not None
    assert service.spec["selector"]["openbao-active"] == active


def test_a_list_is_never_restricted_to_names() -> None:
    """RBAC refuses such a list, unless the request itself names the one object."""
    rules = [(role.label, rule) for role in graph().objects("Role", "ClusterRole") for rule in role.inputs.get("rules") or ()]
    assert not [label for label, rule in rules if rule.get("resourceNames") and {"list", "watch", "create"} & set(rule["verbs"])]
    assert len(rules) > 20


def test_the_injector_may_read_what_it_watches() -> None:
    role = graph().find("ClusterRole", "vault-injector")
    assert role is not None
    granted = {(resource, verb) for rule in role.inputs["rules"] for resource in rule["resources"] for verb in rule["verbs"]}
    hooks = "mutatingwebhookconfigurations"
    assert granted >= {(hooks, "list"), (hooks, "watch"), (hooks, "patch"), ("nodes", "get")}


def test_the_agent_waits_for_the_trust_bundle() -> None:
    agent = graph().find("DaemonSet", "spire-agent")
    assert agent is not None
    volumes: list[dict[str, Any]] = agent.pod_spec["volumes"]
    (bundle,) = (volume["configMap"] for volume in volumes if volume["name"] == "bundle")
    assert [item["key"] for item in bundle["items"]] == ["bundle.crt"]
    assert not bundle.get("optional")


def test_crossplane_may_write_what_a_composition_has() -> None:
    role = graph().find("ClusterRole", "crossplane")
    assert role is not None
    core = next(rule for rule in role.inputs["rules"] if rule["apiGroups"] == [""] and "secrets" in rule["resources"])
    assert {"configmaps", "resourcequotas"} <= set(core["resources"])


def test_on_a_real_node_crossplane_reads_its_function_where_the_containers_come_from() -> None:
    rewrites, function = graph().find("ImageConfig", "registry-of-the-node"), graph().find("Function", "function-environment")
    assert rewrites is not None
    assert function is not None
    assert function.spec["package"].startswith(f"{rewrites.spec['matchImages'][0]['prefix']}/")
    host, _, port = rewrites.spec["rewriteImage"]["prefix"].rpartition(":")
    assert host.endswith(".localhost")  # otherwise Crossplane would ask for TLS
    policy = graph().find("NetworkPolicy", "crossplane", "crossplane-system")
    assert policy is not None
    assert int(port) in {open_["port"] for rule in policy.spec["egress"] for open_ in rule["ports"]}
    assert from_program(load("dev", root=ROOT)).find("ImageConfig", "registry-of-the-node") is None


def test_no_argument_has_a_single_pair_of_dollars() -> None:
    """The kubelet makes one dollar of it, which no shell means."""
    for resource in graph().objects("Deployment", "StatefulSet", "DaemonSet", "Job"):
        for container in [*resource.containers(), *resource.pod_spec.get("initContainers", ())]:
            for text in [*container.get("command", ()), *container.get("args", ())]:
                assert not re.search(r"(?<!\$)\$\$(?!\$)", text), resource.label


def test_the_lab_fits_two_cores_and_its_engine_has_one_of_them_alone() -> None:
    requested = 0.0
    for resource in graph().objects("Deployment", "StatefulSet", "DaemonSet", "Job"):
        sidecars = [one for one in resource.pod_spec.get("initContainers", ()) if one.get("restartPolicy") == "Always"]
        for container in [*resource.containers(), *sidecars]:
            requests, limits = container["resources"]["requests"], container["resources"]["limits"]
            requested += quantity(requests["cpu"]) * (resource.spec.get("replicas") or 1)
            if container["name"] == "engine":
                assert requests == limits == {"cpu": "1", "memory": "1Gi"}, "Guaranteed, with a whole CPU"
            else:
                assert quantity(requests["cpu"]) < quantity(limits["cpu"]) / 4
    assert 1 < requested < 1.8, "the kubelet keeps a tenth of a core, names and metrics a little more"


def test_alerts_and_traces_reach_the_servers_that_keep_them() -> None:
    for name, port, sender in (("alertmanager", 9093, "prometheus"), ("jaeger", 4317, "collector-gateway")):
        assert graph().find("Deployment", name, "telemetry") is not None
        receives, sends = graph().find("NetworkPolicy", name, "telemetry"), graph().find("NetworkPolicy", sender, "telemetry")
        assert receives is not None
        assert sends is not None
        assert port in {item["port"] for rule in receives.spec["ingress"] for item in rule["ports"]}
        assert port in {item["port"] for rule in sends.spec["egress"] for item in rule["ports"]}
    config = graph().find("ConfigMap", "prometheus", "telemetry")
    assert config is not None
    assert "alertmanager.telemetry.svc:9093" in config.inputs["data"]["prometheus.yaml"]


def test_what_pods_write_on_their_node_is_the_nodes_own() -> None:
    """Two nodes of one machine would share everything else, and it would outlive them."""
    places = (*PLACES, *STATES)
    for resource in graph().objects("Deployment", "StatefulSet", "DaemonSet", "Job"):
        for volume in resource.pod_spec.get("volumes", ()):
            if path := volume.get("hostPath", {}).get("path"):
                assert any(f"{path}/".startswith(f"{place}/") for place in places), f"{resource.label}: {path}"


def test_an_update_of_the_engine_needs_no_second_whole_cpu() -> None:
    """Its successor would wait for ever for the CPU that it still has."""
    engine = graph().find("Deployment", "ai-stack")
    assert engine is not None
    assert engine.spec["strategy"]["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 1}


def test_agents_reach_the_authority_while_the_controller_beside_it_is_not_ready() -> None:
    service = graph().find("Service", "spire-server")
    assert service is not None
    assert service.spec["clusterIP"] == "None"
    assert service.spec["publishNotReadyAddresses"] is True


def test_what_crossplane_has_finalizers_on_goes_before_it() -> None:
    """Pulumi deletes in the reverse order: without its rights Crossplane would never take its finalizers off, and `down` would wait."""
    rights = {one.urn for one in graph().objects("Deployment", "ClusterRoleBinding") if one.object_name == "crossplane"}
    assert len(rights) == 2
    kinds = {"CompositeResourceDefinition", "Composition", "Function", "DeploymentRuntimeConfig", "ImageConfig"}
    found = [one for one in graph().objects() if one.kind in kinds]
    assert {one.kind for one in found} == kinds
    for one in found:
        assert rights <= set(one.depends_on), one.label


def test_the_namespace_of_the_agents_goes_last() -> None:
    """A pod with an identity ends when the CSI driver has unmounted it: without the driver its namespace would never go."""
    namespaces = {one.object_name: one for one in graph().objects("Namespace")}
    agents = namespaces.pop("spire-system")
    assert len(namespaces) > 5
    assert [name for name, one in namespaces.items() if agents.urn not in one.depends_on] == []
