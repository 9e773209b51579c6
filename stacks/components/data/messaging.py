"""The message bus: NATS with JetStream.

``sync_interval: always`` acknowledges a message once it is on disk. With the default, a sync every two minutes, Jepsen's analysis of NATS
2.12.1 found that acknowledged messages are lost when several nodes fail together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from stacks.components import places
from stacks.components.component import Component
from stacks.components.data.stateful import Stateful, declare
from stacks.components.network import BUS_PORT, CLIENTS
from stacks.components.parts import from_config_map, from_field, http_probe
from stacks.components.pods import Mount, Rights, Size, container, on_pool

if TYPE_CHECKING:
    import pulumi
    import pulumi_kubernetes as k8s

    from stacks.environment import Environment

NAME: Final = "nats"
_CLUSTER, _MONITOR = 6222, 8222
_USER = 1000
_MEMORY_MIB = 256
_MIB: Final = 2**20
_GIB: Final = 2**30


class Messaging(Component):
    """A cluster of ``replicas`` servers; three tolerate the loss of one."""

    KIND: ClassVar = "data:Messaging"
    APP: ClassVar = NAME

    servers: k8s.apps.v1.StatefulSet
    url: str

    def __init__(self, name: str, *, environment: Environment, options: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, environment=environment, options=options)
        section = environment.messaging
        config = self.config_map(
            "nats-config", places.MESSAGING, part="server", data={"nats.conf": configuration(section.replicas, section.storage_gib)}
        )
        main = container(
            NAME,
            "nats",
            Size(0.25, _MEMORY_MIB * 2, cpu_limit=1),
            args=["--config", "/etc/nats/nats.conf", "--name", "$(POD_NAME)"],
            env={"POD_NAME": from_field("metadata.name"), "GOMEMLIMIT": f"{round(_MEMORY_MIB * 2 * 0.9)}MiB"},
            ports={"client": BUS_PORT, "cluster": _CLUSTER, "monitor": _MONITOR},
            mounts=[Mount("config", "/etc/nats", read_only=True), Mount("data", "/data")],
            started=http_probe("/healthz", "monitor", period_s=5, failures=60),
            ready=http_probe("/healthz?js-server-only=true", "monitor"),
            alive=http_probe("/healthz?js-enabled-only=true", "monitor", period_s=30),
            # Lame-duck mode: leaders move and clients reconnect elsewhere before the server exits.
            pre_stop=["nats-server", "--signal", "ldm=/data/nats.pid"] if section.replicas > 1 else None,
            rights=Rights(user=_USER),
        )
        self.servers = declare(
            self,
            Stateful(
                name=NAME,
                namespace=places.MESSAGING,
                replicas=section.replicas,
                storage_gib=section.storage_gib,
                placement=on_pool(environment, section.pool, stateful=True),
                containers=[main],
                ports={"client": BUS_PORT},
                peer_ports=(_CLUSTER,),
                clients=CLIENTS,
                volumes=[from_config_map("config", "nats-config")],
                group=_USER,
            ),
            part="server",
            after=[config],
        )
        self.url = f"nats://{NAME}.{places.MESSAGING}.svc:{BUS_PORT}"
        self.register_outputs({"url": self.url, "replicas": section.replicas})


def configuration(replicas: int, storage_gib: int) -> dict[str, Any]:
    """Return ``nats.conf`` (NATS's configuration language includes JSON)."""
    peers = [f"nats://{NAME}-{index}.{NAME}-peers.{places.MESSAGING}.svc:{_CLUSTER}" for index in range(replicas)]
    cluster = {"cluster": {"name": "sandtable", "port": _CLUSTER, "routes": peers}} if replicas > 1 else {}
    return {
        "port": BUS_PORT,
        "http_port": _MONITOR,
        "pid_file": "/data/nats.pid",
        "jetstream": {
            "store_dir": "/data",
            "sync_interval": "always",
            # Bytes, as numbers: in JSON the server reads a size with a unit as a string, and rejects it.
            "max_memory_store": _MEMORY_MIB * _MIB,
            "max_file_store": storage_gib * _GIB * 9 // 10,
        },
        **cluster,
    }
