"""PostgreSQL: the first pod is the primary, the others are hot standbys (streaming replication).

Failover is not automatic, because there is no operator. A lost primary comes back on its own volume; meanwhile the standbys serve reads.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from stacks.components import places
from stacks.components.data.stateful import CREDENTIALS, Stateful, StatefulStore, declare
from stacks.components.network import CLIENTS, STORE_PORTS
from stacks.components.parts import command_probe, from_config_map, from_field, from_secret, scratch
from stacks.components.pods import Mount, Rights, Size, container

if TYPE_CHECKING:
    import pulumi_kubernetes as k8s

_PORT = STORE_PORTS["postgresql"]
_USER = 999  # the user of the Debian-based image
_SCRIPTS: Final = Path(__file__).parent / "scripts"
#: `pg_hba.conf` is outside the data directory: a change applies to existing volumes, too, and a standby does not copy it.
_SETTINGS: Final = ("password_encryption=scram-sha-256", "wal_level=replica", "hot_standby=on", "hba_file=/scripts/hba.conf")


class PostgreSql(StatefulStore):
    """A primary and ``replicas - 1`` standbys."""

    KIND: ClassVar = "data:PostgreSql"
    APP: ClassVar = "postgresql"

    def build(self) -> k8s.apps.v1.StatefulSet:
        """Declare the store."""
        name = self.section.name
        self.address = f"{name}.{places.DATA}.svc:{_PORT}"
        scripts = self.config_map(
            f"{name}-scripts",
            places.DATA,
            part="database",
            data={script: (_SCRIPTS / f"postgresql-{script}").read_text(encoding="utf-8") for script in ("follow.sh", "hba.conf")},
        )
        size = Size.of(self.section.resources)
        mounts = [Mount("data", "/var/lib/postgresql/data"), Mount("tmp", "/tmp"), Mount("run", "/var/run/postgresql")]  # noqa: S108
        scripts_mount = Mount("scripts", "/scripts", read_only=True)
        env: dict[str, str | k8s.core.v1.EnvVarSourceArgs] = {
            "PGDATA": "/var/lib/postgresql/data/pgdata",
            "POD_NAME": from_field("metadata.name"),
            "PRIMARY": f"{name}-0.{name}-peers.{places.DATA}.svc",
        }
        return declare(
            self,
            Stateful(
                name=name,
                namespace=places.DATA,
                replicas=self.section.replicas,
                storage_gib=self.section.storage_gib,
                placement=self.placement(),
                init_containers=[
                    container(
                        "follow",
                        "postgresql",
                        size,
                        command=["/bin/sh", "/scripts/follow.sh"],
                        env={**env, "PGPASSWORD": from_secret(CREDENTIALS, "password")},
                        mounts=[*mounts, scripts_mount],
                        rights=Rights(user=_USER),
                    )
                ],
                containers=[
                    container(
                        "postgresql",
                        "postgresql",
                        size,
                        args=[argument for setting in _SETTINGS for argument in ("-c", setting)],
                        env={**env, "POSTGRES_PASSWORD": from_secret(CREDENTIALS, "password")},
                        ports={"postgresql": _PORT},
                        mounts=[*mounts, scripts_mount],
                        ready=command_probe(["pg_isready", "-q", "-U", "postgres"], period_s=5),
                        alive=command_probe(["pg_isready", "-q", "-U", "postgres"], delay_s=30, failures=6),
                        rights=Rights(user=_USER),
                    )
                ],
                volumes=[from_config_map("scripts", f"{name}-scripts"), scratch("tmp", 64), scratch("run", 8)],
                ports={"postgresql": _PORT},
                one_writer=True,
                clients=(*CLIENTS, places.VAULT),  # the secrets engine creates and revokes users
                group=_USER,
                grace_s=120,  # a fast shutdown writes a checkpoint
            ),
            part="database",
            after=[scripts],
        )
