"""Applications that answer by the policy of a training run: the game's model server and the recommender.

Rule 1: the policy comes from the run itself: an application mounts the run's volume and reads the file that the run leaves there. It starts
beside the run and waits, alive and not ready, until the file is there.
Rule 2: one pod each. The game keeps its versions in memory and the recommender its people; a second pod would answer by others. The
volume, too, is for one node at a time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

import pulumi
import pulumi_kubernetes as k8s

from stacks.components import places
from stacks.components.component import SKIP_AWAIT, Component
from stacks.components.network import Flow, allow
from stacks.components.parts import claimed, from_config_map, http_probe
from stacks.components.pods import Mount, Size, container, on_pool, pod_template
from stacks.components.workloads.training import CHECKPOINTS, claim_of, policy_file
from workloads.applications.spec import METRICS_PORT, ApplicationSpec

if TYPE_CHECKING:
    from stacks.environment import Application, Environment

_NAMESPACE: Final = places.TRAINING
_CATALOGUE: Final = "/etc/catalogue"
_FILE: Final = "catalogue.json"


class Applications(Component):
    """Every application of the environment, each with its Service."""

    KIND: ClassVar = "workloads:Applications"
    APP: ClassVar = "application"

    deployments: dict[str, k8s.apps.v1.Deployment]

    def __init__(self, name: str, *, environment: Environment, options: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, environment=environment, options=options)
        self.deployments = {section.name: self._deployed(section) for section in environment.applications}
        self.register_outputs({"applications": sorted(self.deployments)})

    def _deployed(self, section: Application) -> k8s.apps.v1.Deployment:
        name = section.name
        run = next(job for job in self.environment.training if job.name == section.policy_of)
        spec = ApplicationSpec(section.program, policy_file(run), f"{_CATALOGUE}/{_FILE}" if section.catalogue else None)
        after: list[pulumi.Resource] = [self.service_account(name, _NAMESPACE, part=name)]
        volumes, mounts = [claimed("checkpoints", claim_of(run))], [Mount("checkpoints", CHECKPOINTS, read_only=True)]
        if section.catalogue:
            after.append(self.config_map(name, _NAMESPACE, part=name, data={_FILE: section.catalogue}))
            volumes.append(from_config_map("catalogue", name))
            mounts.append(Mount("catalogue", _CATALOGUE, read_only=True))
        main = container(
            section.program,
            "applications",
            Size.of(section.resources),
            args=spec.to_args(),
            ports={"http": spec.port, "metrics": METRICS_PORT},
            mounts=mounts,
            ready=http_probe("/ready", "metrics", period_s=5),
            alive=http_probe("/live", "metrics", delay_s=10),
        )
        self.service(name, _NAMESPACE, part=name, ports={"http": spec.port})
        # Its clients are in the namespace of the gateway's; it asks nobody itself.
        into = [Flow((spec.port,), places.AI), Flow((METRICS_PORT,), places.TELEMETRY)]
        allow(self, name, _NAMESPACE, part=name, into=into)
        return k8s.apps.v1.Deployment(
            f"{_NAMESPACE}/{name}",
            # It becomes ready once its run has ended, which a deployment does not wait for.
            metadata=self.metadata(name, _NAMESPACE, part=name, annotations=SKIP_AWAIT),
            spec=k8s.apps.v1.DeploymentSpecArgs(
                replicas=1,
                strategy=k8s.apps.v1.DeploymentStrategyArgs(type="Recreate"),  # two at once would be two memories
                selector=k8s.meta.v1.LabelSelectorArgs(match_labels=self.selector(name)),
                template=pod_template(
                    self.labels(name),
                    [main],
                    placement=on_pool(self.environment, section.pool, gpu=section.resources.gpu > 0),
                    service_account=name,
                    priority="serving",
                    volumes=volumes,
                ),
            ),
            opts=self.options(*after),
        )
