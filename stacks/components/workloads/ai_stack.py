"""The serving Deployment: replicas of the engine behind one Service.

Rule 1: the container's arguments (``workloads/engine/spec.py``) are the only definition of an engine: the twin predicts from them and the
load test starts a real engine with them.
Rule 2: a replica on a GPU stops before its successor starts, so that updates need no spare GPU; likewise on a machine whose CPUs are
overcommitted, where no whole CPU is spare.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pulumi
import pulumi_kubernetes as k8s

from stacks.components import places
from stacks.components.component import Component
from stacks.components.network import Flow, allow, to_services
from stacks.components.parts import claimed, from_field, http_probe, scratch, workload_api
from stacks.components.pods import Mount, Size, container, on_pool, pod_template
from stacks.graph import labels
from workloads.engine.spec import EngineSpec

if TYPE_CHECKING:
    from stacks.environment import AiStack as AiStackSection
    from stacks.environment import Environment

NAME = "ai-stack"
_PART = "engine"
_DRAIN_S = 30  # an answer takes seconds, and accepted requests are finished


class AiStack(Component):
    """Engine replicas, their Service, autoscaler and disruption budget."""

    KIND: ClassVar = "workloads:AiStack"
    APP: ClassVar = NAME

    deployment: k8s.apps.v1.Deployment
    endpoint: k8s.core.v1.Service
    url: str

    def __init__(self, name: str, *, environment: Environment, options: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, environment=environment, options=options)
        engine = environment.engine
        self.spec = EngineSpec(engine.model, engine.slots, engine.context_tokens, engine.threads)
        account = self.service_account(NAME, places.AI, part=_PART)
        section = environment.ai_stack
        self.deployment = self._deployment(section, account)
        self.endpoint = self.service(NAME, places.AI, part=_PART, ports={"http": self.spec.port})
        if section.autoscaling:
            self.autoscaler(NAME, places.AI, part=_PART, bounds=section.autoscaling, deployment=self.deployment)
        if section.min_available is not None:
            self.disruption_budget(NAME, places.AI, part=_PART, min_available=section.min_available)
        allow(
            self,
            NAME,
            places.AI,
            part=_PART,
            # From the gateway, without one from all pods of this namespace; and from Prometheus, which scrapes the engine's metrics.
            into=[
                Flow((self.spec.port,), places.AI, {labels.ROLE: labels.ROLE_GATEWAY} if environment.gateway else None),
                Flow((self.spec.port,), places.TELEMETRY),
            ],
            out_to=[*to_services(environment), Flow((4317, 4318), places.TELEMETRY)],
        )
        self.url = f"http://{NAME}.{places.AI}.svc:{self.spec.port}"
        self.register_outputs({"url": self.url, "namespace": places.AI, "replicas": section.replicas})

    def _deployment(self, section: AiStackSection, *after: pulumi.Resource) -> k8s.apps.v1.Deployment:
        on_gpu = section.resources.gpu > 0
        no_spare = on_gpu or self.environment.cluster.cpu_overcommit > 1
        return k8s.apps.v1.Deployment(
            f"{places.AI}/{NAME}",
            metadata=self.metadata(NAME, places.AI, part=_PART),
            spec=k8s.apps.v1.DeploymentSpecArgs(
                replicas=section.replicas,
                selector=k8s.meta.v1.LabelSelectorArgs(match_labels=self.selector(_PART)),
                strategy=k8s.apps.v1.DeploymentStrategyArgs(
                    type="RollingUpdate",
                    rolling_update=k8s.apps.v1.RollingUpdateDeploymentArgs(
                        max_surge=0 if no_spare else 1, max_unavailable=1 if no_spare else 0
                    ),
                ),
                template=pod_template(
                    {**self.labels(_PART), labels.ROLE: labels.ROLE_ENGINE},
                    [self._engine(section)],
                    placement=on_pool(self.environment, section.pool, gpu=on_gpu),
                    service_account=NAME,
                    priority=section.priority,
                    volumes=[self._models(), scratch("tmp", 256), workload_api()],
                    grace_s=_DRAIN_S + 15,
                    spread=self.selector(_PART),
                    apart=True,
                    runtime_class="nvidia" if on_gpu else None,
                ),
            ),
            opts=self.options_with_autoscaler(section.autoscaling, *after),
        )

    def _models(self) -> k8s.core.v1.VolumeArgs:
        """Return the model's volume: the environment's claim, or scratch space for a generated model."""
        claim = self.environment.engine.model_claim
        return claimed("models", claim) if claim else scratch("models", 4096)

    def _engine(self, section: AiStackSection) -> k8s.core.v1.ContainerArgs:
        return container(
            "engine",
            "engine",
            Size.of(section.resources),
            args=self.spec.to_args(),
            env={
                "SPIFFE_ENDPOINT_SOCKET": "unix:///spiffe-workload-api/spire-agent.sock",
                "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://collector-agent.{places.TELEMETRY}.svc:4317",
                "OTEL_SERVICE_NAME": NAME,
                "POD_NAME": from_field("metadata.name"),
                "HOME": "/tmp",  # noqa: S108  # the container's own, an empty directory of the pod
            },
            ports={"http": self.spec.port},
            mounts=[
                Mount("models", "/models"),
                Mount("tmp", "/tmp"),  # noqa: S108
                Mount("workload-api", "/spiffe-workload-api", read_only=True),
            ],
            # Loading a model of many gigabytes takes up to ten minutes.
            started=http_probe("/health", "http", period_s=5, failures=120),
            ready=http_probe("/health", "http", period_s=5, failures=2),
            alive=http_probe("/health", "http", period_s=10, failures=6),
            # The container still answers while its endpoint is removed; then the engine finishes its requests in flight.
            pre_stop=["python", "-c", f"import time; time.sleep({_DRAIN_S // 6})"],
        )
