"""An S3 object store (MinIO): models, data sets, checkpoints. With four or more replicas, objects are erasure-coded across them."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from stacks.components import places
from stacks.components.data.stateful import CREDENTIALS, Stateful, StatefulStore, declare
from stacks.components.network import CLIENTS, STORE_PORTS
from stacks.components.parts import from_secret, http_probe, scratch
from stacks.components.pods import Mount, Rights, Size, container

if TYPE_CHECKING:
    import pulumi_kubernetes as k8s

_PORT = STORE_PORTS["object-store"]
_USER = 1000
#: Erasure coding needs four drives; with fewer, MinIO supports only a single server.
_FEWEST_TO_CODE = 4


class ObjectStore(StatefulStore):
    """``replicas`` servers of one store."""

    KIND: ClassVar = "data:ObjectStore"
    APP: ClassVar = "object-store"

    def build(self) -> k8s.apps.v1.StatefulSet:
        """Declare the store."""
        name, replicas = self.section.name, self.section.replicas
        self.address = f"{name}.{places.DATA}.svc:{_PORT}"
        drives = (
            "/data" if replicas < _FEWEST_TO_CODE else f"http://{name}-{{0...{replicas - 1}}}.{name}-peers.{places.DATA}.svc:{_PORT}/data"
        )
        main = container(
            "object-store",
            "object-store",
            Size.of(self.section.resources),
            args=["server", drives, f"--address=:{_PORT}"],
            env={
                "MINIO_ROOT_USER": "sandtable",
                "MINIO_ROOT_PASSWORD": from_secret(CREDENTIALS, "password"),
                "MINIO_BROWSER": "off",
                "HOME": "/tmp",  # noqa: S108  # the container's own, an empty directory of the pod
            },
            ports={"s3": _PORT},
            mounts=[Mount("data", "/data"), Mount("tmp", "/tmp")],  # noqa: S108
            ready=http_probe("/minio/health/ready", "s3", period_s=5),
            alive=http_probe("/minio/health/live", "s3", delay_s=30),
            rights=Rights(user=_USER),
        )
        return declare(
            self,
            Stateful(
                name=name,
                namespace=places.DATA,
                replicas=replicas,
                storage_gib=self.section.storage_gib,
                placement=self.placement(),
                containers=[main],
                ports={"s3": _PORT},
                clients=CLIENTS,
                volumes=[scratch("tmp", 256)],
                group=_USER,
            ),
            part="objects",
        )
