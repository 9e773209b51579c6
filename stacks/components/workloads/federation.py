"""Federated learning: one server that aggregates, and clients that train where the data is.

Rule 1: the containers' arguments are the only definition of a federation: the twin predicts from them and a rehearsal starts real
processes with them.
Rule 2: server and clients are stateful. The server keeps the model, its ledger and its audit log; a client keeps its signing key, its own
privacy ledger and its last update: without them it would spend its budget twice.
Rule 3: each client has an identity of its own, by the name of its pod (``security/spire/registrations``). The roster says which identities
and signing keys belong to the federation. The stack begins with an empty one, in ConfigMap ``fl-roster``, and never changes it again: the
operators write into it whom they have enrolled, and until then the programs wait: alive, and not ready.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

import pulumi
import pulumi_kubernetes as k8s

from stacks.components import places
from stacks.components.component import SKIP_AWAIT, Component, waivers
from stacks.components.network import Flow, allow, to_services
from stacks.components.parts import from_config_map, from_field, http_probe, scratch, storage_claim, workload_api
from stacks.components.pods import Mount, Size, container, on_pool, pod_template
from stacks.components.telemetry.collector_configuration import COLLECTOR, OTLP_HTTP
from stacks.graph import labels
from workloads.federation.spec import HEALTH_PORT, PORT, ClientSpec, ServerSpec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stacks.environment import Environment

SERVER: Final = labels.ROLE_FL_SERVER
CLIENT: Final = labels.ROLE_FL_CLIENT
#: The ConfigMap with the clients that take part, its file, and what the stack writes into it.
ROSTER: Final = "fl-roster"
FILE: Final = "roster.json"
EMPTY: Final = "{}"
_NAMESPACE: Final = places.FEDERATION
_STATE: Final = "/var/lib/federation"
_ROSTER: Final = "/etc/federation"
_IDENTITY: Final = "/identity"
_EVERYWHERE: Final = "0.0.0.0"  # noqa: S104  # of its own pod; the network policy says who comes in
_HELPER: Final = "fl-spiffe-helper"
_HELPER_HEALTH: Final = 8081
_SERVER_STATE_GIB: Final = 5
_CLIENT_STATE_GIB: Final = 1
HELPER_FILE: Final = f"""# Fetches the pod's identity from the Workload API and renews it; each new connection reads the files again.
agent_address         = "/spiffe-workload-api/spire-agent.sock"
cert_dir              = "{_IDENTITY}"
svid_file_name        = "svid.pem"
svid_key_file_name    = "svid_key.pem"
svid_bundle_file_name = "bundle.pem"
cert_file_mode        = 0644
key_file_mode         = 0600
daemon_mode           = true
health_checks {{
  listener_enabled = true
  bind_port        = {_HELPER_HEALTH}
}}
"""


class Federation(Component):
    """``fl-server`` and ``fl-client``."""

    KIND: ClassVar = "workloads:Federation"
    APP: ClassVar = "federation"

    server: k8s.apps.v1.StatefulSet
    clients: k8s.apps.v1.StatefulSet
    address: str

    def __init__(self, name: str, *, environment: Environment, options: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, environment=environment, options=options)
        self.address = f"{SERVER}.{_NAMESPACE}.svc:{PORT}"
        helper = self.config_map(_HELPER, _NAMESPACE, part="identity", data={"helper.conf": HELPER_FILE})
        roster = self._roster()
        self.server = self._server(helper, roster)
        self.service(SERVER, _NAMESPACE, part="server", ports={"http": PORT}, headless=True)
        self.clients = self._clients(helper, roster)
        self.service(CLIENT, _NAMESPACE, part="client", ports={"health": HEALTH_PORT}, headless=True)
        services = [*to_services(environment), Flow((OTLP_HTTP,), places.TELEMETRY)]
        into = [Flow((PORT,), _NAMESPACE, self.selector("client")), Flow((HEALTH_PORT,), places.TELEMETRY)]
        allow(self, SERVER, _NAMESPACE, part="server", into=into, out_to=services)
        out_to = [Flow((PORT,), _NAMESPACE, self.selector("server")), *services]
        allow(self, CLIENT, _NAMESPACE, part="client", out_to=out_to)
        self.register_outputs({"address": self.address, "clients": environment.federation.clients})

    def _roster(self) -> k8s.core.v1.ConfigMap:
        return k8s.core.v1.ConfigMap(
            f"{_NAMESPACE}/{ROSTER}",
            metadata=self.metadata(ROSTER, _NAMESPACE, part="roster"),
            data={FILE: EMPTY},
            opts=pulumi.ResourceOptions.merge(self.options(), pulumi.ResourceOptions(ignore_changes=["data"])),
        )

    def _server(self, *after: pulumi.Resource) -> k8s.apps.v1.StatefulSet:
        section = self.environment.federation
        spec = ServerSpec(section.definition, f"{_ROSTER}/{FILE}", _STATE, _IDENTITY, host=_EVERYWHERE, otlp_endpoint=COLLECTOR)
        main = container(
            SERVER,
            "federation",
            Size.of(section.server_resources),
            args=["server", *spec.to_args()],
            ports={"http": PORT, "health": HEALTH_PORT},
            mounts=_MOUNTS,
            ready=http_probe("/ready", "health", period_s=5),
            alive=http_probe("/live", "health", delay_s=10),
        )
        return self._stateful_set(
            SERVER,
            "server",
            main,
            after,
            replicas=section.servers,
            pool=section.pool,
            gpu=section.server_resources.gpu,
            state_gib=_SERVER_STATE_GIB,
        )

    def _clients(self, *after: pulumi.Resource) -> k8s.apps.v1.StatefulSet:
        section = self.environment.federation
        spec = ClientSpec(
            section.definition,
            f"{_ROSTER}/{FILE}",
            _STATE,
            _IDENTITY,
            name="$(POD_NAME)",  # the kubelet fills it in
            server=self.address,
            server_identity=f"spiffe://{self.environment.identity.trust_domain}/ns/{_NAMESPACE}/sa/{SERVER}",
            host=_EVERYWHERE,
            otlp_endpoint=COLLECTOR,
        )
        main = container(
            CLIENT,
            "federation",
            Size.of(section.client_resources),
            args=["client", *spec.to_args()],
            env={"POD_NAME": from_field("metadata.name")},
            ports={"health": HEALTH_PORT},
            mounts=_MOUNTS,
            ready=http_probe("/ready", "health", period_s=5),
            alive=http_probe("/live", "health", delay_s=10),
        )
        return self._stateful_set(
            CLIENT,
            "client",
            main,
            after,
            replicas=section.clients,
            pool=section.client_pool or section.pool,
            gpu=section.client_resources.gpu,
            state_gib=_CLIENT_STATE_GIB,
        )

    def _stateful_set(
        self,
        name: str,
        part: str,
        main: k8s.core.v1.ContainerArgs,
        after: Sequence[pulumi.Resource],
        *,
        replicas: int,
        pool: str,
        gpu: int,
        state_gib: int,
    ) -> k8s.apps.v1.StatefulSet:
        account = self.service_account(name, _NAMESPACE, part=part)
        clients = part == "client"
        return k8s.apps.v1.StatefulSet(
            f"{_NAMESPACE}/{name}",
            # The pods become ready once their clients are enrolled, which is not the deployment's business.
            metadata=self.metadata(name, _NAMESPACE, part=part, annotations={**SKIP_AWAIT, **(_ON_SPOT if clients else {})}),
            spec=k8s.apps.v1.StatefulSetSpecArgs(
                replicas=replicas,
                service_name=name,
                pod_management_policy="Parallel" if clients else None,
                selector=k8s.meta.v1.LabelSelectorArgs(match_labels=self.selector(part)),
                template=pod_template(
                    {**self.labels(part), labels.ROLE: name},
                    [main],
                    init_containers=[_helper()],
                    # Clients come and go: a round ends without one whose node is taken away, and its volume finds it again.
                    placement=on_pool(self.environment, pool, gpu=gpu > 0, stateful=not clients),
                    service_account=name,
                    priority=self.environment.federation.priority,
                    volumes=[
                        from_config_map("roster", ROSTER),
                        from_config_map("helper", _HELPER),
                        scratch("identity", 1, memory=True),
                        workload_api(),
                    ],
                    spread=self.selector(part) if clients else None,
                    apart=clients,
                    runtime_class="nvidia" if gpu else None,
                ),
                volume_claim_templates=[storage_claim("state", state_gib, self.labels(part))],
            ),
            opts=self.options_with_claims(account, *after),
        )


_ON_SPOT: Final = waivers({"no-stateful-sets-on-spot": "clients are no quorum, and a round ends without one whose node is taken away"})
_MOUNTS: Final = (Mount("state", _STATE), Mount("roster", _ROSTER, read_only=True), Mount("identity", _IDENTITY, read_only=True))


def _helper() -> k8s.core.v1.ContainerArgs:
    return container(
        "spiffe-helper",
        "spiffe-helper",
        Size(0.02, 64),
        args=["-config", "/etc/spiffe-helper/helper.conf"],
        ports={"identity": _HELPER_HEALTH},
        mounts=[
            Mount("helper", "/etc/spiffe-helper", read_only=True),
            Mount("identity", _IDENTITY),
            Mount("workload-api", "/spiffe-workload-api", read_only=True),
        ],
        # Succeeds once the certificate is written; the program starts only then.
        started=http_probe("/ready", "identity", period_s=2, failures=150),
        ready=http_probe("/ready", "identity"),
        alive=http_probe("/live", "identity", delay_s=15),
        sidecar=True,
    )
