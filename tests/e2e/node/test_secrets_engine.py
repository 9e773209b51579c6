"""OpenBao in pods, three servers as the stack declares them, checked and killed; their certificates are ours in place of SPIRE's."""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Final

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from sandtable.jobs.verify.ground import Ground
from stacks.clusters.api import Api
from stacks.clusters.node import NodeCluster
from stacks.components import places
from stacks.components.security.spire.server import BUNDLE, BUNDLE_FILE
from stacks.components.security.vault.server import CERTIFIED
from stacks.environment import Cluster as ClusterSettings
from stacks.environment import Secrets
from stacks.environment.file import load
from stacks.graph import Graph, Resource
from stacks.graph.sources import from_program
from stacks.rebuilt_images import rebuilt_images
from tests.e2e.node.conftest import eventually
from tests.e2e.node.test_verify import create, outcome
from toolchain.images import ensure_images

pytestmark = [pytest.mark.platform, pytest.mark.timeout(900)]

NAMESPACES: Final = (places.VAULT, places.DATA, places.AI)
IMAGES: Final = ("openbao", "postgresql")
#: Of what is in these namespaces, other workloads are left out.
WORKLOADS: Final = {"vault", "vault-setup", "features"}
TLS: Final = "vault-tls"


def part_of(whole: Graph) -> Graph:
    def belongs(one: Resource) -> bool:
        if one.kind in {"PriorityClass", "ClusterRoleBinding"}:
            return one.kind == "PriorityClass" or one.object_name == "vault-token-review"
        if (
            (one.namespace or one.object_name) not in NAMESPACES
            or one.standard is None
            or one.kind in {"ResourceQuota", "MutatingWebhookConfiguration"}
        ):
            return False
        return one.kind not in {"Deployment", "StatefulSet", "Job"} or one.object_name in WORKLOADS

    return Graph.of([without_spire(one) for one in whole if one.is_object and belongs(one)], "part of dev")


def without_spire(one: Resource) -> Resource:
    """The workload with its certificate in a Secret: nobody fetches it, and no CSI driver is needed."""
    if one.namespace != places.VAULT or one.kind not in {"StatefulSet", "Job"}:
        return one
    pod = dict(one.pod_spec)
    volumes = [volume for volume in pod["volumes"] if volume["name"] not in {"tls", "workload-api"}]
    pod |= {"initContainers": [], "volumes": [*volumes, {"name": "tls", "secret": {"secretName": TLS, "defaultMode": 0o440}}]}
    pod.pop("affinity", None)  # three on one node
    pod.pop("topologySpreadConstraints", None)
    template = {**(one.pod_template or {}), "spec": pod}
    return replace(one, inputs={**one.inputs, "spec": {**one.spec, "template": template}})


def certificate() -> tuple[str, str, str]:
    """A certificate for the servers, its key, and the authority that both sides trust; in PEM."""
    now, keys = dt.datetime.now(dt.UTC), [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    subjects = [x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]) for name in ("authority", "vault")]
    names = x509.SubjectAlternativeName([x509.DNSName(CERTIFIED), x509.DNSName(f"vault-active.{places.VAULT}.svc")])
    made = [
        x509.CertificateBuilder(
            subjects[0], subject, key.public_key(), x509.random_serial_number(), now - dt.timedelta(minutes=5), now + dt.timedelta(hours=8)
        )
        .add_extension(extension, critical=False)
        .sign(keys[0], hashes.SHA256())
        .public_bytes(Encoding.PEM)
        .decode()
        for subject, key, extension in zip(subjects, keys, (x509.BasicConstraints(ca=True, path_length=None), names), strict=True)
    ]
    private = keys[1].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return made[1], private, made[0]


def own_objects() -> Iterator[dict[str, Any]]:
    """What SPIRE would publish, and the servers' certificate."""
    leaf, key, authority = certificate()
    yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": places.SPIRE_SYSTEM}}
    bundle = {"name": BUNDLE, "namespace": places.SPIRE_SYSTEM}
    yield {"apiVersion": "v1", "kind": "ConfigMap", "metadata": bundle, "data": {BUNDLE_FILE: authority}}
    files = {"svid.pem": leaf, "svid_key.pem": key, "bundle.pem": authority}
    yield {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": TLS, "namespace": places.VAULT}, "stringData": files}


@pytest.fixture(scope="module")
def ground(new_node: Callable[[str], NodeCluster], new_root: Callable[..., Any]) -> Iterator[Ground]:
    cluster = new_node("secrets")
    ensure_images([wanted for name in IMAGES if (wanted := rebuilt_images()[name].wanted)])
    cluster.start()
    settings = {"cluster": ClusterSettings(provider="node"), "secrets": Secrets(engine="openbao", replicas=3, storage_gib=1)}
    environment = load("dev", root=new_root("dev")).model_copy(update=settings)
    ground = Ground(environment, part_of(from_program(environment)), cluster, Api.of(cluster), str)
    api = ground.api
    assert api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": places.VAULT}}).ok
    for manifest in own_objects():
        assert (answer := api.create(manifest)).ok, answer.message
    seal = base64.b64encode(bytes(range(32))).decode()
    create(api, ground.graph, {"vault-seal": {"current.key": seal}}, known=[places.VAULT])
    eventually("three servers", lambda: sum(pod.namespace == places.VAULT for pod in ground.real_pods) == 3)
    eventually("the end of their set-up", lambda: set_up(api))
    yield ground
    api.connection.rest_client.pool_manager.clear()


def set_up(api: Api) -> bool:
    job = api.get(f"/apis/batch/v1/namespaces/{places.VAULT}/jobs/vault-setup")
    return bool(job and job.get("status", {}).get("succeeded"))


@pytest.mark.parametrize(
    "name", ["openbao-servers", "openbao-logins", "openbao-certificates", "openbao-database", "openbao-audit", "openbao-encryption"]
)
def test_a_check_passes_on_what_the_stack_set_up(ground: Ground, name: str) -> None:
    found, text = outcome(ground, name)
    assert found == "passed", text


def test_another_leader_takes_over_and_no_secret_is_lost(ground: Ground) -> None:
    found, text = outcome(ground, "kill-openbao-leader", drills=True)
    assert found == "passed", text
    assert "5 leaders killed" in text
