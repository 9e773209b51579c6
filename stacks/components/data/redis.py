"""Redis: the first pod takes writes, the others replicate it. It is a cache: lost data is recomputed.

Promotion is not automatic (no Sentinel): while the first pod is down there are reads but no writes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from stacks.components import places
from stacks.components.data.stateful import CREDENTIALS, Stateful, StatefulStore, declare
from stacks.components.network import CLIENTS, STORE_PORTS
from stacks.components.parts import command_probe, from_field, from_secret
from stacks.components.pods import Mount, Rights, Size, container

if TYPE_CHECKING:
    import pulumi_kubernetes as k8s

_PORT = STORE_PORTS["redis"]
_USER = 999  # the image's own user
_MEMORY_SHARE = 0.75  # the rest is for the copy that a snapshot or a new replica needs


class Redis(StatefulStore):
    """One writer and ``replicas - 1`` followers."""

    KIND: ClassVar = "data:Redis"
    APP: ClassVar = "redis"

    def build(self) -> k8s.apps.v1.StatefulSet:
        """Declare the store."""
        name, size = self.section.name, Size.of(self.section.resources)
        self.address = f"{name}.{places.DATA}.svc:{_PORT}"
        limit = f"--maxmemory {round(size.memory_mib * _MEMORY_SHARE)}mb --maxmemory-policy allkeys-lru --appendonly yes --dir /data"
        auth = '--requirepass "$REDIS_PASSWORD" --masterauth "$REDIS_PASSWORD"'
        follow = f'case "$POD_NAME" in *-0) ;; *) set -- --replicaof {name}-0.{name}-peers.{places.DATA}.svc {_PORT} ;; esac'
        ping = 'REDISCLI_AUTH="$REDIS_PASSWORD" redis-cli ping | grep -q PONG'
        main = container(
            "redis",
            "redis",
            size,
            # The password is expanded inside the container: it appears neither in the plan nor in the pod's specification.
            command=["/bin/sh", "-ec"],
            args=[f'{follow}; exec redis-server {limit} {auth} "$@"'],
            env={"REDIS_PASSWORD": from_secret(CREDENTIALS, "password"), "POD_NAME": from_field("metadata.name")},
            ports={"redis": _PORT},
            mounts=[Mount("data", "/data")],
            ready=command_probe(["/bin/sh", "-ec", ping], period_s=5),
            alive=command_probe(["/bin/sh", "-ec", ping], delay_s=20, failures=6),
            rights=Rights(user=_USER),
        )
        return declare(
            self,
            Stateful(
                name=name,
                namespace=places.DATA,
                replicas=self.section.replicas,
                storage_gib=self.section.storage_gib,
                placement=self.placement(),
                containers=[main],
                ports={"redis": _PORT},
                one_writer=True,
                clients=CLIENTS,
                group=_USER,
            ),
            part="cache",
        )
