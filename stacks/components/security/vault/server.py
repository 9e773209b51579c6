"""The secrets engine: OpenBao or Vault, three servers with raft in production.

Facts: hashicorp/vault-helm v0.34.1 (ports, probes, services, RBAC). Stricter here than in the chart: TLS is on (with the pod's own SPIFFE
identity), raft members join automatically, OpenBao unseals itself, and the audit log has its own volume. Vault has no such auto-unseal:
operators initialise and unseal its servers, so a deployment does not wait for them (docs/guides/operate-an-environment.md).

Rule 1: configuration that is the same everywhere is in ``configuration/*.hcl``; this file writes only what depends on the environment.
Rule 2: a quorum survives a drain: the disruption budget is floor((n-1)/2), none for a single server (it could never be moved).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

import pulumi
import pulumi_kubernetes as k8s

from stacks.components import places
from stacks.components.component import SKIP_AWAIT, Component, rule
from stacks.components.network import API_SERVER, SECRETS_PORT, Flow, allow, to_stores
from stacks.components.parts import (
    from_config_map,
    from_field,
    http_probe,
    scratch,
    secret_files,
    storage_claim,
    workload_api,
)
from stacks.components.pods import Mount, Rights, Size, container, on_platform_pool, pod_template
from stacks.components.security.vault.access import CONFIG_MAPS
from stacks.components.stack_secrets import stack_secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stacks.environment import Environment

NAME: Final = "vault"
POLICIES: Final = Path(__file__).with_name("configuration")

MEMBERS: Final = "vault-internal"
URL: Final = f"https://vault-active.{places.VAULT}.svc:{SECRETS_PORT}"
#: A DNS name in every server's certificate, for requests to one server; ``vault-active`` is another (``spire/registrations.py``).
CERTIFIED: Final = f"{NAME}.{places.VAULT}.svc"
HELPER_HEALTH: Final = 8081  # spiffe-helper.hcl opens it
USER, GROUP = 100, 1000  # in both images
BINARIES: Final = {"openbao": "bao", "vault": "vault"}

_PART = "server"
_API, _CLUSTER = SECRETS_PORT, 8201
_SEAL_KEY = "current.key"


class Vault(Component):
    """Servers with raft storage, their Services, access policies and auto-unseal."""

    KIND: ClassVar = "security:Vault"
    APP: ClassVar = NAME

    servers: k8s.apps.v1.StatefulSet
    url: str

    def __init__(self, name: str, *, environment: Environment, options: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, environment=environment, options=options)
        section = environment.secrets
        self.binary = BINARIES[section.engine]
        self.by_hand = section.engine == "vault"
        account = self.service_account(NAME, places.VAULT, part=_PART)
        self._rbac()
        config = self.config_map("vault-config", places.VAULT, part=_PART, data=self._configuration(section.engine, section.replicas))
        seal = k8s.core.v1.Secret(
            f"{places.VAULT}/vault-seal",
            metadata=self.metadata("vault-seal", places.VAULT, part=_PART),
            type="Opaque",
            string_data={_SEAL_KEY: stack_secret("vault_seal_key", environment)},
            opts=self.options(),
        )
        self._services()
        self.servers = self._servers(account, config, seal)
        if section.replicas > 1:
            self.disruption_budget(NAME, places.VAULT, part=_PART, max_unavailable=(section.replicas - 1) // 2)
        clients = [Flow((_API,), namespace) for namespace in (places.AI, places.FEDERATION, places.TRAINING, places.TELEMETRY)]
        members = Flow((_API, _CLUSTER), places.VAULT, self.selector(_PART))
        # It creates and revokes database users.
        out_to = [members, API_SERVER, *to_stores(environment, "postgresql")]
        allow(self, NAME, places.VAULT, part=_PART, into=[*clients, members, Flow((_API,), places.VAULT)], out_to=out_to)
        self.url = URL
        self.register_outputs({"url": self.url, "replicas": section.replicas, "quorum": section.replicas // 2 + 1})

    def _configuration(self, engine: str, replicas: int) -> dict[str, str]:
        files = {"server.hcl": (POLICIES / "server.hcl").read_text(encoding="utf-8"), "storage.hcl": raft_storage(replicas)}
        helper = (POLICIES / "spiffe-helper.hcl").read_text(encoding="utf-8")
        if engine == "openbao":
            files["audit.hcl"] = (POLICIES / "audit-openbao.hcl").read_text(encoding="utf-8")
            files["seal.hcl"] = f'seal "static" {{\n  current_key_id = "1"\n  current_key    = "file:///vault/seal/{_SEAL_KEY}"\n}}\n'
        else:
            files["seal.hcl"] = (POLICIES / "seal-vault.hcl").read_text(encoding="utf-8")
        return {**files, "helper.conf": helper}

    def _rbac(self) -> None:
        me = (places.VAULT, NAME)
        self.role(
            NAME, places.VAULT, part=_PART, rules=[rule([""], ["pods"], ["get", "watch", "list", "update", "patch"])], service_account=me
        )
        # Kubernetes auth: the server asks the API server whether a workload's token is genuine.
        k8s.rbac.v1.ClusterRoleBinding(
            "vault-token-review",
            metadata=self.metadata("vault-token-review", part=_PART),
            role_ref=k8s.rbac.v1.RoleRefArgs(api_group="rbac.authorization.k8s.io", kind="ClusterRole", name="system:auth-delegator"),
            subjects=[k8s.rbac.v1.SubjectArgs(kind="ServiceAccount", namespace=places.VAULT, name=NAME)],
            opts=self.options(),
        )

    def _services(self) -> None:
        ports = {"https": _API, "internal": _CLUSTER}
        self.service(MEMBERS, places.VAULT, part=_PART, ports=ports, headless=True)
        for role, active in (("active", "true"), ("standby", "false")):
            self.service(
                f"vault-{role}",
                places.VAULT,
                part=_PART,
                ports={"https": _API},
                # The server itself sets this label on its pod, once it is initialised and unsealed.
                selector={**self.selector(_PART), f"{self.environment.secrets.engine}-active": active},
            )

    def _servers(self, *after: pulumi.Resource) -> k8s.apps.v1.StatefulSet:
        section = self.environment.secrets
        return k8s.apps.v1.StatefulSet(
            f"{places.VAULT}/{NAME}",
            metadata=self.metadata(NAME, places.VAULT, part=_PART, annotations=SKIP_AWAIT if self.by_hand else None),
            spec=k8s.apps.v1.StatefulSetSpecArgs(
                replicas=section.replicas,
                service_name=MEMBERS,
                pod_management_policy="Parallel",  # members wait for each other, so an ordered start would never become ready
                update_strategy=k8s.apps.v1.StatefulSetUpdateStrategyArgs(type="OnDelete"),  # somebody restarts the standbys first
                selector=k8s.meta.v1.LabelSelectorArgs(match_labels=self.selector(_PART)),
                template=pod_template(
                    self.labels(_PART),
                    [self._server()],
                    placement=on_platform_pool(self.environment),
                    service_account=NAME,
                    api_token=True,
                    init_containers=[self._helper()],
                    volumes=[
                        from_config_map("config", "vault-config"),
                        secret_files("seal", "vault-seal"),
                        scratch("tls", 8, memory=True),
                        scratch("run", 8),
                        workload_api(),
                        *(from_config_map(volume, name) for volume, (name, _) in self._setup().items()),
                    ],
                    group=GROUP,
                    grace_s=10,
                    share_processes=True,  # the helper signals the server by its pid
                    spread=self.selector(_PART),
                    apart=True,
                ),
                volume_claim_templates=[storage_claim(claim, section.storage_gib, self.labels(_PART)) for claim in ("data", "audit")],
            ),
            opts=self.options_with_claims(*after),
        )

    def _setup(self) -> Mapping[str, tuple[str, str]]:
        """Return the setup's ConfigMaps to mount into the servers, for an operator who unseals and sets them up manually."""
        return CONFIG_MAPS if self.by_hand else {}

    def _server(self) -> k8s.core.v1.ContainerArgs:
        return container(
            NAME,
            self.environment.secrets.engine,
            Size(0.25, 256, cpu_limit=1),
            command=["/bin/sh", "-ec"],
            # The helper may send SIGHUP before the server handles it, which would kill the server; ignore it until then. Kubernetes makes
            # one dollar of two, and the shell needs two.
            args=[f"trap '' HUP; echo $$$$ > /vault/run/server.pid; exec {self.binary} server -config=/vault/config"],
            env={
                "HOSTNAME": from_field("metadata.name"),
                "VAULT_ADDR": f"https://127.0.0.1:{_API}",
                "VAULT_CACERT": "/vault/tls/bundle.pem",
                "VAULT_RAFT_NODE_ID": from_field("metadata.name"),
                "VAULT_CLUSTER_ADDR": f"https://$(HOSTNAME).{MEMBERS}:{_CLUSTER}",
                "VAULT_K8S_NAMESPACE": places.VAULT,
                "VAULT_K8S_POD_NAME": from_field("metadata.name"),
                "SKIP_CHOWN": "true",
                "SKIP_SETCAP": "true",
            },
            ports={"https": _API, "internal": _CLUSTER},
            mounts=[
                Mount("config", "/vault/config", read_only=True),
                Mount("seal", "/vault/seal", read_only=True),
                Mount("tls", "/vault/tls", read_only=True),
                Mount("run", "/vault/run"),
                Mount("data", "/vault/data"),
                Mount("audit", "/vault/audit"),
                *(Mount(volume, path, read_only=True) for volume, (_, path) in self._setup().items()),
            ],
            # Ready when unsealed, as by `status` in the container, which starts a program of 200 MB each time. No liveness probe: a
            # sealed server is alive, and restarting it would only seal it again.
            ready=http_probe("/v1/sys/health?standbyok=true&perfstandbyok=true", "https", delay_s=5, period_s=5, failures=2, tls=True),
            pre_stop=["/bin/sh", "-c", "sleep 5 && kill -TERM $(cat /vault/run/server.pid)"],
            rights=Rights(user=USER),
        )

    def _helper(self) -> k8s.core.v1.ContainerArgs:
        return container(
            "spiffe-helper",
            "spiffe-helper",
            Size(0.02, 64),
            args=["-config", "/vault/config/helper.conf"],
            ports={"health": HELPER_HEALTH},
            mounts=[
                Mount("config", "/vault/config", read_only=True),
                Mount("tls", "/vault/tls"),
                Mount("run", "/vault/run"),
                Mount("workload-api", "/spiffe-workload-api", read_only=True),
            ],
            # Succeeds once the certificate is written. The server starts only then: containers wait for a sidecar's startup probe.
            started=http_probe("/ready", "health", period_s=2, failures=150),
            ready=http_probe("/ready", "health"),
            alive=http_probe("/live", "health", delay_s=15),  # fails if the last renewal of the certificate failed
            rights=Rights(user=USER),
            sidecar=True,
        )


def raft_storage(replicas: int) -> str:
    """Return the storage stanza: every member has the addresses of all others, so they join automatically."""
    joins = "".join(
        f"""  retry_join {{
    leader_api_addr       = "https://vault-{index}.{MEMBERS}:{_API}"
    leader_ca_cert_file   = "/vault/tls/bundle.pem"
    leader_tls_servername = "{CERTIFIED}"
  }}
"""
        for index in range(replicas)
    )
    return f'storage "raft" {{\n  path = "/vault/data"\n{joins}}}\n'
