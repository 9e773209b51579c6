"""Coordination: members of a group that keeps locks, leaders and addresses (``workloads/consensus``).

Rule 1: the container's arguments (``workloads/consensus/spec.py``) are the only definition of a member: the twin predicts from them, and a
drill starts real members with them.
Rule 2: members and clients prove who they are with the pods' own certificates, which a helper fetches from SPIRE and renews; a member's
has the pod's name.
Rule 3: a member is named as its pod, and its claim stays with that name. A member that lost its disk is removed from the group and added
again, never just started: it no longer knows whom it voted for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

import pulumi_kubernetes as k8s

from stacks.components import places
from stacks.components.component import Component
from stacks.components.data.stateful import Stateful, declare
from stacks.components.network import CLIENTS, COORDINATION_PORT
from stacks.components.parts import from_config_map, http_probe, scratch, workload_api
from stacks.components.pods import Mount, Rights, Size, container, on_pool
from workloads.consensus.spec import CoordinationSpec, Reads

if TYPE_CHECKING:
    import pulumi

    from stacks.environment import Coordination as CoordinationSection
    from stacks.environment import Environment

NAME: Final = "coordination"
_PART: Final = "member"
_USER: Final = 10_001  # the image's own user
_CERTIFICATES: Final = "/certificates"
_HELPER_CONFIG: Final = "/etc/spiffe-helper"
_HELPER_HEALTH: Final = 8081
_HAND_OVER_S: Final = 15  # a leader that is stopped lets another lead first


class Coordination(Component):
    """A StatefulSet of three or five members, each with its volume."""

    KIND: ClassVar = "data:Coordination"
    APP: ClassVar = NAME

    members: k8s.apps.v1.StatefulSet
    address: str

    def __init__(
        self, name: str, *, environment: Environment, section: CoordinationSection, options: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(name, environment=environment, options=options)
        self.spec = member_spec(environment.name, section)
        helper = self.config_map(f"{NAME}-helper", places.DATA, part=_PART, data={"helper.conf": helper_configuration()})
        self.members = declare(
            self,
            Stateful(
                name=NAME,
                namespace=places.DATA,
                replicas=section.replicas,
                storage_gib=section.storage_gib,
                placement=on_pool(environment, section.pool, stateful=True),
                containers=[self._member(section)],
                init_containers=[self._helper()],
                ports={"client": self.spec.port},
                metrics_ports=(self.spec.health_port,),
                clients=CLIENTS,
                volumes=[from_config_map("helper", f"{NAME}-helper"), scratch("certificates", 1, memory=True), workload_api()],
                group=_USER,
                grace_s=2 * _HAND_OVER_S,
            ),
            part=_PART,
            after=[helper],
        )
        self.address = f"{NAME}.{places.DATA}.svc:{COORDINATION_PORT}"
        self.register_outputs({"address": self.address, "replicas": section.replicas, "quorum": section.replicas // 2 + 1})

    def _member(self, section: CoordinationSection) -> k8s.core.v1.ContainerArgs:
        return container(
            NAME,
            NAME,
            Size.of(section.resources),
            args=self.spec.to_args(),
            ports={"client": self.spec.port, "metrics": self.spec.health_port},
            mounts=[Mount("data", self.spec.data), Mount("certificates", _CERTIFICATES, read_only=True)],
            # Ready without a leader would not be true; and a group that waits for its majority must not be restarted for that.
            ready=http_probe("/readyz", "metrics", period_s=5, failures=2),
            alive=http_probe("/healthz", "metrics", period_s=10, failures=6),
            rights=Rights(user=_USER),
        )

    def _helper(self) -> k8s.core.v1.ContainerArgs:
        return container(
            "spiffe-helper",
            "spiffe-helper",
            Size(0.02, 64),
            args=["-config", f"{_HELPER_CONFIG}/helper.conf"],
            ports={"helper": _HELPER_HEALTH},
            mounts=[
                Mount("helper", _HELPER_CONFIG, read_only=True),
                Mount("certificates", _CERTIFICATES),
                Mount("workload-api", "/spiffe-workload-api", read_only=True),
            ],
            # Succeeds once the certificate is written; the member starts only then.
            started=http_probe("/ready", "helper", period_s=2, failures=150),
            ready=http_probe("/ready", "helper"),
            alive=http_probe("/live", "helper", delay_s=15),
            rights=Rights(user=_USER),
            sidecar=True,
        )


def member_spec(environment: str, section: CoordinationSection) -> CoordinationSpec:
    """Return the arguments of every member of an environment."""
    names = [f"{NAME}-{index}" for index in range(section.replicas)]
    return CoordinationSpec(
        cluster=environment,
        members={name: f"{name}.{NAME}-peers.{places.DATA}.svc:{COORDINATION_PORT}" for name in names},
        data="/data",
        certificates=_CERTIFICATES,
        election_ms=section.election_ms,
        reads=Reads(section.reads),
    )


def helper_configuration() -> str:
    """Return the helper's configuration; the member itself reads renewed files."""
    return f"""agent_address = "/spiffe-workload-api/spire-agent.sock"
cert_dir = "{_CERTIFICATES}"
svid_file_name = "tls.crt"
svid_key_file_name = "tls.key"
svid_bundle_file_name = "ca.crt"
cert_file_mode = 0644
key_file_mode = 0640
daemon_mode = true
health_checks {{
  listener_enabled = true
  bind_port = {_HELPER_HEALTH}
}}
"""
