"""Federated learning: one server that aggregates, and clients that train where the data is.

The server is stateful (rounds and the global model survive a restart); clients are stateless and may come and go. Both use the secure
channel of the federation workload (port 9092, mutual TLS with their SPIFFE identities).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

import pulumi_kubernetes as k8s

from stacks.components import places
from stacks.components.component import Component
from stacks.components.network import Flow, allow, to_services
from stacks.components.parts import from_field, http_probe, scratch, storage_claim, workload_api
from stacks.components.pods import Mount, Size, container, on_pool, pod_template

if TYPE_CHECKING:
    import pulumi

    from stacks.environment import Environment

_NAMESPACE = places.FEDERATION
_PORT, _HEALTH = 9092, 8080
_CHANNEL: Final = {"SPIFFE_ENDPOINT_SOCKET": "unix:///spiffe-workload-api/spire-agent.sock"}
_IDENTITY: Final = Mount("workload-api", "/spiffe-workload-api", read_only=True)
_STATE_GIB: Final = 5


class Federation(Component):
    """``fl-server`` and ``fl-client``."""

    KIND: ClassVar = "workloads:Federation"
    APP: ClassVar = "federation"

    server: k8s.apps.v1.StatefulSet
    clients: k8s.apps.v1.Deployment
    address: str

    def __init__(self, name: str, *, environment: Environment, options: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, environment=environment, options=options)
        self.server = self._server()
        self.service("fl-server", _NAMESPACE, part="server", ports={"grpc": _PORT}, headless=True)
        self.clients = self._clients()
        services = to_services(environment)
        into = [Flow((_PORT,), _NAMESPACE, self.selector("client"))]
        allow(self, "fl-server", _NAMESPACE, part="server", into=into, out_to=services)
        allow(
            self,
            "fl-client",
            _NAMESPACE,
            part="client",
            out_to=[Flow((_PORT,), _NAMESPACE, self.selector("server")), *services, Flow((4317,), places.TELEMETRY)],
        )
        self.address = f"fl-server.{_NAMESPACE}.svc:{_PORT}"
        self.register_outputs({"address": self.address, "clients": environment.federation.clients})

    def _server(self) -> k8s.apps.v1.StatefulSet:
        section = self.environment.federation
        account = self.service_account("fl-server", _NAMESPACE, part="server")
        main = container(
            "fl-server",
            "federation",
            Size.of(section.server_resources),
            args=["server", f"--port={_PORT}", f"--health-port={_HEALTH}", f"--clients={section.clients}", "--state=/var/lib/federation"],
            env=_CHANNEL,
            ports={"grpc": _PORT, "health": _HEALTH},
            mounts=[Mount("state", "/var/lib/federation"), _IDENTITY],
            ready=http_probe("/ready", "health", period_s=5),
            alive=http_probe("/live", "health", delay_s=10),
        )
        return k8s.apps.v1.StatefulSet(
            f"{_NAMESPACE}/fl-server",
            metadata=self.metadata("fl-server", _NAMESPACE, part="server"),
            spec=k8s.apps.v1.StatefulSetSpecArgs(
                replicas=section.servers,
                service_name="fl-server",
                selector=k8s.meta.v1.LabelSelectorArgs(match_labels=self.selector("server")),
                template=pod_template(
                    self.labels("server"),
                    [main],
                    placement=on_pool(self.environment, section.pool, gpu=section.server_resources.gpu > 0, stateful=True),
                    service_account="fl-server",
                    priority=section.priority,
                    volumes=[workload_api()],
                    grace_s=60,  # time to save a round that is being aggregated
                    runtime_class="nvidia" if section.server_resources.gpu else None,
                ),
                volume_claim_templates=[storage_claim("state", _STATE_GIB, self.labels("server"))],
            ),
            opts=self.options_with_claims(account),
        )

    def _clients(self) -> k8s.apps.v1.Deployment:
        section = self.environment.federation
        pool = section.client_pool or section.pool
        account = self.service_account("fl-client", _NAMESPACE, part="client")
        main = container(
            "fl-client",
            "federation",
            Size.of(section.client_resources),
            args=["client", f"--server=fl-server.{_NAMESPACE}.svc:{_PORT}", f"--health-port={_HEALTH}"],
            env={**_CHANNEL, "POD_NAME": from_field("metadata.name")},
            ports={"health": _HEALTH},
            mounts=[Mount("work", "/work"), _IDENTITY],
            ready=http_probe("/ready", "health", period_s=5),
            alive=http_probe("/live", "health", delay_s=10),
        )
        return k8s.apps.v1.Deployment(
            f"{_NAMESPACE}/fl-client",
            metadata=self.metadata("fl-client", _NAMESPACE, part="client"),
            spec=k8s.apps.v1.DeploymentSpecArgs(
                replicas=section.clients,
                selector=k8s.meta.v1.LabelSelectorArgs(match_labels=self.selector("client")),
                template=pod_template(
                    self.labels("client"),
                    [main],
                    placement=on_pool(self.environment, pool, gpu=section.client_resources.gpu > 0),
                    service_account="fl-client",
                    priority=section.priority,
                    volumes=[scratch("work", 1024), workload_api()],
                    spread=self.selector("client"),
                    apart=True,
                    runtime_class="nvidia" if section.client_resources.gpu else None,
                ),
            ),
            opts=self.options(account),
        )
