"""Roots of their own with the environments that ship, and clusters that are thrown away at the end."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import pytest
from _pytest._code.code import ExceptionRepr

from stacks.clusters import Cluster
from stacks.clusters.api import Api, listing
from stacks.clusters.embedded import EmbeddedCluster
from stacks.clusters.embedded.processes import Processes
from stacks.clusters.node import NodeCluster
from stacks.deployment.pods import unready_pods
from toolchain import ToolMissingError, resolve

REPOSITORY = Path(__file__).parents[2]
PATIENCE_S = 180.0
#: Files that take minutes. Two files run at a time, and the end must not be a wait for one of these.
LONGEST_FIRST = ("test_interrupts", "test_life", "test_larger_environments", "test_pulumi_by_hand", "test_deployed")

#: The clusters that are there: where a test fails, its report says how they are.
_CLUSTERS: Final = pytest.StashKey[list[Cluster]]()
_MOST_PODS: Final = 20

Keep = Callable[[Cluster], None]


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_CLUSTERS] = []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    order = {name: place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: order.get(item.path.stem, len(order)))


@pytest.fixture(scope="session")
def new_root(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return a maker of project folders with environments that ship; the repository's own state is never touched."""

    def make(*names: str) -> Path:
        folder = tmp_path_factory.mktemp("root")
        for name in ("Pulumi.yaml", *(f"Pulumi.{name}.yaml" for name in names)):
            shutil.copy(REPOSITORY / name, folder)
        return folder

    return make


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed and isinstance(report.longrepr, ExceptionRepr):  # a part of it: it is shown of a first try, too
        for cluster in item.config.stash[_CLUSTERS]:
            report.longrepr.addsection(f"cluster {cluster.name}", state(cluster))
    return report


def state(cluster: Cluster) -> str:
    """How its nodes and pods are, why pods are not ready, and the last words of its servers."""
    lines = [str(cluster.status())]
    with suppress(Exception):  # it never started, its API server was killed: whatever cannot be read is left out, as this only explains
        api = Api.of(cluster)
        for node in api.items(listing("v1", "nodes")):
            ready = [one["status"] for one in node["status"].get("conditions", ()) if one["type"] == "Ready"]
            lines.append(f"node {node['metadata']['name']}: ready {ready}, taints {[one['key'] for one in node['spec'].get('taints', ())]}")
        pods = api.items(listing("v1", "pods"))
        lines += [f"pod {name_of(pod)}: {pod['status'].get('phase')} on {pod['spec'].get('nodeName')}" for pod in pods[:_MOST_PODS]]
        lines += unready_pods(api.connection, {pod["metadata"]["namespace"] for pod in pods})
        api.connection.rest_client.pool_manager.clear()
    if isinstance(cluster, EmbeddedCluster | NodeCluster):
        processes = Processes(cluster.log_folder)
        names = sorted(log.stem for log in cluster.log_folder.glob("*.log"))
        lines += [f"--- {name}\n{processes.last_words(name)}" for name in names]
    return "\n".join(lines)


def name_of(item: dict[str, Any]) -> str:
    """Its namespace and name; a pod that is being deleted is told."""
    ends = " (being deleted)" if "deletionTimestamp" in item["metadata"] else ""
    return f"{item['metadata']['namespace']}/{item['metadata']['name']}{ends}"


@contextmanager
def keeping(clusters: list[Cluster]) -> Iterator[Keep]:
    """Yield what takes care of a cluster: its state is told where a test fails, and it is deleted at the end, whatever happens."""
    with ExitStack() as stack:

        def keep(cluster: Cluster) -> None:
            clusters.append(cluster)
            stack.callback(cluster.delete)
            stack.callback(clusters.remove, cluster)

        yield keep


@pytest.fixture(scope="session")
def keep_to_the_end(pytestconfig: pytest.Config) -> Iterator[Keep]:
    with keeping(pytestconfig.stash[_CLUSTERS]) as keep:
        yield keep


@pytest.fixture(scope="module")
def keep(pytestconfig: pytest.Config) -> Iterator[Keep]:
    with keeping(pytestconfig.stash[_CLUSTERS]) as keep:
        yield keep


@pytest.fixture(scope="module")
def new_cluster(keep: Keep, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], EmbeddedCluster]:
    """Return a maker of embedded clusters, each in a folder of its own; it does not start them."""

    def make(name: str) -> EmbeddedCluster:
        cluster = EmbeddedCluster(name, tmp_path_factory.mktemp("clusters") / name)
        keep(cluster)
        return cluster

    return make


@pytest.fixture(scope="session")
def bao() -> Path:
    """Return the secrets engine's program."""
    try:
        return resolve("bao").path
    except ToolMissingError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def eventually() -> Callable[[str, Callable[[], bool]], None]:
    """Return a wait for something that another process does; it fails after three minutes."""

    def wait(what: str, happened: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE_S
        while not happened():
            assert time.monotonic() < end, f"{what}: not within {PATIENCE_S:g} s"
            time.sleep(0.05)

    return wait
