"""Settings of the stores: what their servers read is what was asked for."""

from __future__ import annotations

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
