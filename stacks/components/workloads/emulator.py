"""The emulator of providers outside, for environments that must not reach them. Only the gateway may talk to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

import pulumi
import pulumi_kubernetes as k8s

from stacks.components import places
from stacks.components.component import Component
from stacks.components.network import Flow, allow
from stacks.components.parts import http_probe
from stacks.components.pods import Size, container, on_pool, pod_template
from stacks.graph import labels
from workloads.emulator.spec import EmulatorSpec

if TYPE_CHECKING:
    from stacks.environment import Emulator as EmulatorSection
    from stacks.environment import Environment

NAME: Final = "emulator"
_PART: Final = "emulator"


class Emulator(Component):
    """One emulator and its Service."""

    KIND: ClassVar = "workloads:Emulator"
    APP: ClassVar = NAME

    deployment: k8s.apps.v1.Deployment

    def __init__(
        self, name: str, *, environment: Environment, section: EmulatorSection, options: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(name, environment=environment, options=options)
        spec = EmulatorSpec(section.profile, section.seed)
        account = self.service_account(NAME, places.AI, part=_PART)
        main = container(
            "emulator",
            "emulator",
            Size.of(section.resources),
            args=spec.to_args(),
            ports={"http": spec.port},
            ready=http_probe("/health", "http", period_s=5, failures=2),
            alive=http_probe("/health", "http", period_s=10, failures=6),
        )
        self.deployment = k8s.apps.v1.Deployment(
            f"{places.AI}/{NAME}",
            metadata=self.metadata(NAME, places.AI, part=_PART),
            spec=k8s.apps.v1.DeploymentSpecArgs(
                # One, because its faults and its log of attempts are in its memory.
                replicas=1,
                selector=k8s.meta.v1.LabelSelectorArgs(match_labels=self.selector(_PART)),
                template=pod_template(
                    {**self.labels(_PART), labels.ROLE: labels.ROLE_EMULATOR},
                    [main],
                    placement=on_pool(environment, section.pool, gpu=section.resources.gpu > 0),
                    service_account=NAME,
                    priority="serving",
                ),
            ),
            opts=self.options(account),
        )
        self.service(NAME, places.AI, part=_PART, ports={"http": spec.port})
        allow(self, NAME, places.AI, part=_PART, into=[Flow((spec.port,), places.AI, {labels.ROLE: labels.ROLE_GATEWAY})])
        self.register_outputs({"namespace": places.AI})
