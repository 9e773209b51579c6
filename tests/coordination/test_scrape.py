"""The metrics store reads real members: every series that rules and dashboards use arrives there."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

from foundation.processes.child import Child
from foundation.processes.free_port import free_port
from foundation.processes.readiness import wait_until_ready
from workloads.consensus.client.store import ConsensusCoordination
from workloads.consensus.local import LocalGroup
from workloads.telemetry.coordination import COORDINATION_SERIES, FSYNC_SECONDS

pytestmark = [
    pytest.mark.coordination,
    pytest.mark.skipif(shutil.which("prometheus") is None, reason="needs Prometheus on PATH (Debian's package `prometheus`)"),
]


def ask(url: str, query: str) -> list[float]:
    with urllib.request.urlopen(f"{url}/api/v1/query?{urllib.parse.urlencode({'query': query})}", timeout=30) as response:
        return [float(each["value"][1]) for each in json.load(response)["data"]["result"]]


def ready(url: str) -> bool:
    try:
        return ask(url, "up") == [1, 1, 1]
    except OSError:
        return False


def test_every_series_of_three_members_is_scraped(tmp_path: Path) -> None:
    async def write(group: LocalGroup) -> None:
        async with ConsensusCoordination(group.cluster, group.members, timeout_s=60.0) as store:
            for number in range(20):
                await store.put("a", str(number))

    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with LocalGroup(tmp_path / "group") as group:
        asyncio.run(write(group))
        targets = [{"targets": [f"127.0.0.1:{each}" for each in group.health.values()]}]
        jobs = [{"job_name": "metrics", "static_configs": targets}]
        (tmp_path / "prometheus.yaml").write_text(json.dumps({"global": {"scrape_interval": "1s"}, "scrape_configs": jobs}))
        command = [
            "prometheus", f"--config.file={tmp_path}/prometheus.yaml", f"--storage.tsdb.path={tmp_path}/data",
            f"--web.listen-address=127.0.0.1:{port}",
        ]  # fmt: skip
        with Child(command, log=tmp_path / "log") as child:
            wait_until_ready(child, lambda: ready(url), within_s=180)
            found = {name: ask(url, name) for name in COORDINATION_SERIES if name != FSYNC_SECONDS}
            assert {name for name, values in found.items() if len(values) != 3} == set()
            assert sorted(found["coordination_is_leader"]) == [0, 0, 1]
            assert max(found["coordination_revision"]) == 20
            assert ask(url, f"sum({FSYNC_SECONDS}_count) > 20")
            until_s = time.monotonic() + 120
            leader = next(name for name in group.members if is_leader(group, name))
            group.kill(leader)
            while ask(url, "count(coordination_term)") != [2] or ask(url, "sum(coordination_is_leader)") != [1]:
                assert time.monotonic() < until_s, (ask(url, "coordination_term"), ask(url, "coordination_is_leader"))
                time.sleep(0.2)


def is_leader(group: LocalGroup, name: str) -> bool:
    with urllib.request.urlopen(f"http://127.0.0.1:{group.health[name]}/metrics", timeout=30) as response:
        return b"coordination_is_leader 1" in response.read()
