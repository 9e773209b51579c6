"""The three series of training, scraped while the programs run: by hand, and by Prometheus where it is installed."""

from __future__ import annotations

import json
import re
import shutil
import sys
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from foundation.errors import NotReadyError
from foundation.processes.child import Child
from foundation.processes.free_port import free_port
from foundation.processes.python import python_environment
from foundation.processes.readiness import wait_until_ready

TEXT = "\n\n".join(f"{number}. A step that cannot run says what is missing." for number in range(900))
PROGRAMS = {
    "rl_episode_reward": ("reinforcement", "train", "--algorithm=q-learning", "--environment=Taxi-v4", "--steps=1000000"),
    "rlhf_reward_model_score": ("reinforcement", "rlhf", "--pairs=2048"),
    "compression_ratio": ("compression", "compress", "--text=TEXT", "--steps=5", "--distil-steps=100000"),
}
PROMETHEUS = shutil.which("prometheus")
WITHIN_S = 240.0


@dataclass
class Running:
    """What runs: its logs, what was scraped by hand of each series, and the port of Prometheus."""

    folder: Path
    children: dict[str, Child] = field(default_factory=dict)
    scraped: dict[str, str] = field(default_factory=dict)
    port: int = 0

    def wait(self, child: Child, condition: Callable[[], bool]) -> None:
        """Wait until ``condition`` holds while ``child`` runs; all logs are shown where it does not."""
        try:
            wait_until_ready(child, condition, within_s=WITHIN_S, poll_s=0.05)
        except NotReadyError:
            for path in self.folder.glob("*.log"):
                sys.stderr.write(f"{path.name}: {path.read_text(encoding='utf-8')[-2000:]}\n")
            raise

    def query(self, text: str) -> list[dict[str, Any]]:
        """Return what Prometheus knows."""
        url = f"http://127.0.0.1:{self.port}/api/v1/query?{urllib.parse.urlencode({'query': text})}"
        return list(json.loads(get(url) or '{"data": {"result": []}}')["data"]["result"])


def get(url: str) -> str:
    """Return what ``url`` answers; nothing while it does not."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            text: str = answer.read().decode()
            return text
    except OSError:
        return ""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("scraped")
    (folder / "text.md").write_text(TEXT, encoding="utf-8")
    found, ports = Running(folder), {name: free_port() for name in PROGRAMS}
    with ExitStack() as stack:
        if PROMETHEUS:
            found.port = free_port()
            targets = [{"targets": [f"127.0.0.1:{port}" for port in ports.values()]}]
            scrape = {"global": {"scrape_interval": "1s"}, "scrape_configs": [{"job_name": "training", "static_configs": targets}]}
            (folder / "prometheus.json").write_text(json.dumps(scrape), encoding="utf-8")
            options = [f"--config.file={folder / 'prometheus.json'}", f"--storage.tsdb.path={folder / 'series'}"]
            command = [PROMETHEUS, *options, f"--web.listen-address=127.0.0.1:{found.port}"]
            prometheus = stack.enter_context(Child(command, log=folder / "prometheus.log"))
            found.children["prometheus"] = prometheus
            found.wait(prometheus, lambda: "Ready" in get(f"http://127.0.0.1:{found.port}/-/ready"))
        for name, (module, *arguments) in PROGRAMS.items():
            given = [argument.replace("TEXT", str(folder / "text.md")) for argument in arguments]
            given += [f"--out={folder / name}", f"--metrics-address=127.0.0.1:{ports[name]}"]
            command = [sys.executable, "-m", f"workloads.{module}", *given]
            found.children[name] = stack.enter_context(Child(command, env=python_environment(), log=folder / f"{name}.log"))

        def all_seen() -> bool:
            for name, port in ports.items():
                if name not in found.scraped and name in (text := get(f"http://127.0.0.1:{port}/metrics")):
                    found.scraped[name] = text
            return len(found.scraped) == len(PROGRAMS)

        found.wait(found.children["compression_ratio"], all_seen)  # it would run for hours
        yield found


def test_each_series_has_its_labels(running: Running) -> None:
    for line in (
        r'rl_episode_reward\{algorithm="q-learning",env="Taxi-v4"\} -?[0-9.]+',
        r'rlhf_reward_model_score\{model="pairs-2048-seed-0"\} 0\.[0-9]+',
        r'compression_ratio\{type="Q8_0 alone",bits="8.5"\} 3\.[0-9]+',
    ):
        name = line.partition(r"\{")[0]
        assert re.match(rf"# TYPE {name} gauge\n{line}\n", running.scraped[name]), running.scraped[name]


@pytest.mark.skipif(PROMETHEUS is None, reason="prometheus is not on PATH (Debian's package of that name)")
@pytest.mark.parametrize("name", PROGRAMS)
def test_prometheus_has_each_series(running: Running, name: str) -> None:
    running.wait(running.children["prometheus"], lambda: bool(running.query(f"max_over_time({name}[1h])")))
    (value, *_) = (float(each["value"][1]) for each in running.query(f"max_over_time({name}[1h])"))
    assert value != 0
