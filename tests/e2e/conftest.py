"""Roots of their own with the environments that ship, and clusters that are thrown away at the end."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stacks.clusters.embedded import EmbeddedCluster
from toolchain import ToolMissingError, resolve

REPOSITORY = Path(__file__).parents[2]
PATIENCE_S = 180.0
#: Files that take minutes. Two files run at a time, and the end must not be a wait for one of these.
LONGEST_FIRST = ("test_interrupts", "test_life", "test_larger_environments", "test_pulumi_by_hand", "test_deployed")


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


@pytest.fixture(scope="module")
def new_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], EmbeddedCluster]]:
    """Return a maker of embedded clusters, each in a folder of its own; it does not start them."""
    made: list[EmbeddedCluster] = []

    def make(name: str) -> EmbeddedCluster:
        made.append(EmbeddedCluster(name, tmp_path_factory.mktemp("clusters") / name))
        return made[-1]

    yield make
    for cluster in made:
        cluster.delete()


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
