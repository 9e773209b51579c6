"""The gateway before the engines and the providers.

Rule 1: the container's arguments and its configuration file are the only definition of a gateway: the twin predicts from them and a
rehearsal starts a real gateway with them.
Rule 2: a change of the configuration restarts no pod: a gateway reads the mounted file again when it changes.
Rule 3: the ledger is on the pod's own disk. It survives a crash of the container, which is what a ledger must survive so that no answer
is unbilled; replicas of a Deployment cannot share a volume, and one writer for all would be on the path of every request. What outlives
the pod is sent away while it runs: costs are in the metrics and on every span.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final
from urllib.parse import urlsplit

import pulumi
import pulumi_kubernetes as k8s

from stacks.components import places
from stacks.components.component import Component
from stacks.components.network import STORE_PORTS, Flow, allow
from stacks.components.parts import from_config_map, http_probe, scratch, secret_files
from stacks.components.pods import MIB_PER_GIB, Mount, Size, container, on_pool, pod_template
from stacks.components.stack_secrets import stack_secret
from stacks.components.telemetry.collector_configuration import OTLP_HTTP
from stacks.components.workloads.gateway_configuration import (
    DIGEST_FILE,
    EMULATED_KEY_FILE,
    KEYS,
    LEDGER,
    STORE_PASSWORD,
    document,
    grace_s,
)
from stacks.graph import labels
from workloads.emulator.spec import DEFAULT_PORT as EMULATOR_PORT
from workloads.engine.spec import DEFAULT_PORT as ENGINE_PORT
from workloads.gateway.configuration.loading import digest_of
from workloads.gateway.spec import GatewaySpec

if TYPE_CHECKING:
    from stacks.environment import Environment
    from stacks.environment import Gateway as GatewaySection

NAME: Final = "gateway"
_PART: Final = "gateway"
_CONFIG: Final = "/etc/gateway"
_FILE: Final = "gateway.yaml"
_SECRET: Final = "gateway-keys"  # noqa: S105  # the name of a Secret


class Gateway(Component):
    """Gateway replicas, their Service, configuration, keys, autoscaler and disruption budget."""

    KIND: ClassVar = "workloads:Gateway"
    APP: ClassVar = NAME

    deployment: k8s.apps.v1.Deployment
    url: str

    def __init__(
        self, name: str, *, environment: Environment, section: GatewaySection, options: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(name, environment=environment, options=options)
        self.section = section
        self.spec = GatewaySpec(f"{_CONFIG}/{_FILE}")
        account = self.service_account(NAME, places.AI, part=_PART)
        config = self.config_map(NAME, places.AI, part=_PART, data={_FILE: document(section)})
        self.deployment = self._deployment(account, config, self._keys())
        self.service(NAME, places.AI, part=_PART, ports={"http": self.spec.port})
        if section.autoscaling:
            self.autoscaler(NAME, places.AI, part=_PART, bounds=section.autoscaling, deployment=self.deployment)
        if section.min_available is not None:
            self.disruption_budget(NAME, places.AI, part=_PART, min_available=section.min_available)
        # Applications of this namespace are its clients; Prometheus scrapes its metrics.
        into = [Flow((self.spec.port,), places.AI), Flow((self.spec.port,), places.TELEMETRY)]
        allow(self, NAME, places.AI, part=_PART, into=into, out_to=list(self._destinations()))
        self.url = f"http://{NAME}.{places.AI}.svc:{self.spec.port}"
        self.register_outputs({"url": self.url, "namespace": places.AI, "replicas": section.replicas})

    def _destinations(self) -> list[Flow]:
        providers = self.section.providers.values()
        outside = {_port(provider.base_url) for provider in providers if provider.base_url is not None}
        return [
            Flow((ENGINE_PORT,), places.AI, {labels.ROLE: labels.ROLE_ENGINE}),
            *([Flow((EMULATOR_PORT,), places.AI, {labels.ROLE: labels.ROLE_EMULATOR})] if self.environment.emulator else []),
            *([Flow(tuple(sorted(outside)))] if outside else []),
            *([Flow((STORE_PORTS["redis"],), places.DATA)] if self.section.shared_cache else []),
            Flow((OTLP_HTTP,), places.TELEMETRY),
        ]

    def _keys(self) -> k8s.core.v1.Secret:
        """Declare the Secret with the digest of the tenant's key, the keys of the providers, and the store's password."""
        digest = stack_secret("gateway_token", self.environment).apply(digest_of)
        wanted = sorted({provider.secret for provider in self.section.providers.values() if provider.secret})
        content: dict[str, pulumi.Input[str]] = {DIGEST_FILE: digest, **{key: stack_secret(key, self.environment) for key in wanted}}
        if self.section.shared_cache:
            content[STORE_PASSWORD] = stack_secret("store_password", self.environment)
        if self.environment.emulator:
            content[EMULATED_KEY_FILE] = "emulated"
        return k8s.core.v1.Secret(
            f"{places.AI}/{_SECRET}",
            metadata=self.metadata(_SECRET, places.AI, part=_PART),
            type="Opaque",
            string_data=content,
            opts=self.options(),
        )

    def _deployment(self, *after: pulumi.Resource) -> k8s.apps.v1.Deployment:
        section = self.section
        return k8s.apps.v1.Deployment(
            f"{places.AI}/{NAME}",
            metadata=self.metadata(NAME, places.AI, part=_PART),
            spec=k8s.apps.v1.DeploymentSpecArgs(
                replicas=section.replicas,
                selector=k8s.meta.v1.LabelSelectorArgs(match_labels=self.selector(_PART)),
                strategy=k8s.apps.v1.DeploymentStrategyArgs(
                    type="RollingUpdate", rolling_update=k8s.apps.v1.RollingUpdateDeploymentArgs(max_surge=1, max_unavailable=0)
                ),
                template=pod_template(
                    {**self.labels(_PART), labels.ROLE: labels.ROLE_GATEWAY},
                    [self._container()],
                    placement=on_pool(self.environment, section.pool, gpu=section.resources.gpu > 0),
                    service_account=NAME,
                    priority=section.priority,
                    volumes=[
                        from_config_map("config", NAME),
                        secret_files("keys", _SECRET),
                        scratch("ledger", section.ledger_gib * MIB_PER_GIB),
                    ],
                    grace_s=grace_s(),
                    spread=self.selector(_PART),
                    apart=True,
                ),
            ),
            opts=self.options_with_autoscaler(section.autoscaling, *after),
        )

    def _container(self) -> k8s.core.v1.ContainerArgs:
        return container(
            "gateway",
            "gateway",
            Size.of(self.section.resources),
            args=self.spec.to_args(),
            ports={"http": self.spec.port},
            mounts=[
                Mount("config", _CONFIG, read_only=True),
                Mount("keys", KEYS, read_only=True),
                Mount("ledger", LEDGER),
            ],
            # No hook before the stop: on SIGTERM a gateway fails its readiness first, and serves until its endpoint is removed.
            ready=http_probe("/readyz", "http", period_s=5, failures=2),
            alive=http_probe("/healthz", "http", period_s=10, failures=6),
        )


def _port(address: str) -> int:
    parts = urlsplit(address)
    return parts.port or (443 if parts.scheme == "https" else 80)
