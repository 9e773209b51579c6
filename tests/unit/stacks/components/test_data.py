from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from stacks.components.data import postgresql
from stacks.components.data.messaging import configuration

SCRIPTS = Path(postgresql.__file__).parent / "scripts"


@pytest.mark.parametrize(("replicas", "routes"), [(1, 0), (3, 3)])
def test_servers_of_the_bus_know_each_other(replicas: int, routes: int) -> None:
    config = configuration(replicas, 10)
    assert len(config.get("cluster", {}).get("routes", [])) == routes


def test_a_message_is_on_disk_before_it_is_acknowledged() -> None:
    assert configuration(3, 10)["jetstream"]["sync_interval"] == "always"


@pytest.mark.parametrize("storage_gib", [1, 20])
def test_streams_leave_a_tenth_of_the_volume(storage_gib: int) -> None:
    assert configuration(1, storage_gib)["jetstream"]["max_file_store"] == pytest.approx(0.9 * storage_gib * 2**30, abs=1)


def test_sizes_are_numbers_of_bytes() -> None:
    # nats-server -t: "256MB" in quotes is a text to it, and it does not start.
    assert {type(configuration(3, 10)["jetstream"][key]) for key in ("max_memory_store", "max_file_store")} == {int}


def test_standbys_may_replicate_with_a_password() -> None:
    lines = (SCRIPTS / "postgresql-hba.conf").read_text(encoding="utf-8").splitlines()
    rules = [line.split() for line in lines if line and not line.startswith("#")]
    # The database `all` does not mean replication (PostgreSQL documentation, "The pg_hba.conf File").
    assert ["host", "replication", "postgres", "all", "scram-sha-256"] in rules
    assert {rule[-1] for rule in rules if rule[0] == "host"} == {"scram-sha-256"}


def test_half_a_copy_of_the_primary_is_thrown_away(tmp_path: Path) -> None:
    """A pod that was killed while it copied begins anew, and what it starts from is whole."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name, script in {"pg_isready": "exit 0", "pg_basebackup": 'mkdir "$6" && echo 17 > "$6/PG_VERSION"'}.items():
        (tools / name).write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        (tools / name).chmod(0o755)
    data = tmp_path / "pgdata"
    (tmp_path / "pgdata.partial" / "base").mkdir(parents=True)
    env = {"PATH": f"{tools}:/usr/bin:/bin", "PGDATA": str(data), "PRIMARY": "features-0", "POD_NAME": "features-1"}
    subprocess.run(["/bin/sh", SCRIPTS / "postgresql-follow.sh"], env=env, check=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bin", "pgdata"]
    assert [path.name for path in data.iterdir()] == ["PG_VERSION"]


@pytest.mark.parametrize("script", sorted(SCRIPTS.glob("*.sh")), ids=lambda path: path.name)
def test_scripts_are_valid_shell(script: Path) -> None:
    shell = shutil.which("sh")
    assert shell is not None
    assert subprocess.run([shell, "-n", str(script)], check=False).returncode == 0
