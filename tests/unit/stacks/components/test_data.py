from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from stacks.components.data import postgresql
from stacks.components.data.messaging import configuration


@pytest.mark.parametrize(("replicas", "routes"), [(1, 0), (3, 3)])
def test_servers_of_the_bus_know_each_other(replicas: int, routes: int) -> None:
    config = configuration(replicas, 10)
    assert len(config.get("cluster", {}).get("routes", [])) == routes


def test_a_message_is_on_disk_before_it_is_acknowledged() -> None:
    assert configuration(3, 10)["jetstream"]["sync_interval"] == "always"


@pytest.mark.parametrize(("storage_gib", "limit"), [(1, "1GB"), (20, "18GB")])
def test_streams_leave_room_on_the_volume(storage_gib: int, limit: str) -> None:
    assert configuration(1, storage_gib)["jetstream"]["max_file_store"] == limit


@pytest.mark.parametrize("script", sorted(Path(postgresql.__file__).parent.glob("scripts/*.sh")), ids=lambda path: path.name)
def test_scripts_are_valid_shell(script: Path) -> None:
    shell = shutil.which("sh")
    assert shell is not None
    assert subprocess.run([shell, "-n", str(script)], check=False).returncode == 0
