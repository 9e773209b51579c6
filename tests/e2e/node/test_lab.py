"""The environment `lab` as its user sees it: the whole platform comes up in pods, every part does its work, and nothing stays behind.

The telling part of `nox -s platform`; with `-- --telling` it runs alone. It compiles nothing: without the images it is skipped.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import psutil
import pytest

from foundation.processes.child import Child
from sandtable.jobs.stack.tools import needed_for
from stacks.clusters import exec as commands
from stacks.clusters import open_cluster
from stacks.clusters.api import Api, listing
from stacks.clusters.node import NodeCluster
from stacks.components import places
from stacks.environment import Environment
from stacks.environment.file import load
from stacks.graph.sources import from_program
from stacks.rebuilt_images import images_of, rebuilt_images
from tests.e2e.conftest import REPOSITORY
from tests.e2e.node.machine import differences, machine
from toolchain import ToolchainError, plan
from toolchain.images import plan_images

pytestmark = [pytest.mark.platform, pytest.mark.timeout(3600)]

#: Layers with our own sources are made anew after each change, within seconds; what is compiled takes half an hour.
_MAKING_S: Final = 180.0
_CORES, _MEMORY_GIB, _FREE_GIB = 2, 10, 5
_COMMAND_WITHIN_S: Final = 900.0
#: Once all pods are ready, Prometheus scrapes everything and the kubelet shows the roster, in a minute or two.
_SETTLED_WITHIN_S: Final = 600.0
_CLIENT: Final = "fl-client"
_STATE: Final = "/var/lib/federation"


class Sandtable:
    """The command line in a project folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def __call__(self, *arguments: str, codes: Sequence[int] = (0,)) -> str:
        """Run a command, and return what it printed."""
        output, errors = (self.root / f"{arguments[0]}.{stream}" for stream in ("out", "err"))
        path = os.pathsep.join(filter(None, (str(REPOSITORY), os.environ.get("PYTHONPATH"))))
        environment = {**os.environ, "PYTHONPATH": path, "NO_COLOR": "1", "COLUMNS": "160"}
        command = [sys.executable, "-m", "sandtable", "-C", str(self.root), *arguments]
        with (
            output.open("wb") as out,
            errors.open("wb") as err,
            Child(command, env=environment, stdout=out, stderr=err, session=True) as child,
        ):
            code = child.wait(_COMMAND_WITHIN_S)
        said = output.read_text(encoding="utf-8")
        what = "has not ended" if code is None else f"ended with exit code {code}"
        assert code in codes, f"sandtable {' '.join(arguments)} {what}:\n{said}\n{errors.read_text(encoding='utf-8')}"
        return said


@pytest.fixture
def root(new_root: Callable[..., Path]) -> Path:
    return new_root("lab")


@pytest.fixture
def environment(root: Path, real_node: None) -> Environment:
    """The environment, on a machine that is large enough and has its images; otherwise the tests are skipped, with the reason."""
    environment = load("lab", root=root)
    memory = psutil.virtual_memory()
    if (os.cpu_count() or 1) < _CORES or memory.total < _MEMORY_GIB * 2**30 or memory.available < _FREE_GIB * 2**30:
        pytest.skip(f"lab needs {_CORES} cores and {_MEMORY_GIB} GiB of memory, {_FREE_GIB} of them free")
    named = images_of(from_program(environment))
    try:
        tools = plan(needed_for(environment))
        images = plan_images([each.wanted for each in rebuilt_images().values() if each.wanted and each.reference in named])
    except ToolchainError as error:
        pytest.skip(str(error))
    if tools.steps:
        pytest.skip("tools are missing: `sandtable doctor --install --node`")
    if images.estimate_s > _MAKING_S:
        pytest.skip(f"images are missing that take about {images.estimate_s / 60:.0f} min to make: `sandtable images build`")
    return environment


@pytest.fixture
def cluster(environment: Environment, root: Path, keep: Callable[[NodeCluster], None]) -> Iterator[NodeCluster]:
    found = open_cluster(environment, root)
    assert isinstance(found, NodeCluster)
    keep(found)
    yield found
    found.delete()  # a second try, as CI has it, begins anew


def test_the_whole_platform_comes_up_does_its_work_and_leaves_nothing(root: Path, environment: Environment, cluster: NodeCluster) -> None:
    sandtable, before = Sandtable(root), machine(cluster)
    assert "lab: " in sandtable("up", "lab", "--yes")
    enrol(environment, Api.of(cluster))
    wrong = settled(sandtable)
    assert not wrong, "\n".join(f"{check['name']}: {check['text']}" for check in wrong)
    assert " deleted" in sandtable("down", "lab", "--yes")
    sandtable("cluster", "delete", "lab", "--yes")
    assert differences(cluster, before) == {}


def settled(sandtable: Sandtable) -> list[Any]:
    """Verify the platform, and again what did not pass: what is ready has not been scraped yet. Return what does not pass in the end."""
    deadline, wrong, more = time.monotonic() + _SETTLED_WITHIN_S, list[Any](), list[str]()
    while True:
        found = json.loads(sandtable("verify", "lab", "--json", *more, codes=(0, 3, 4)))
        if not more:
            assert found["passed"] + found["failed"] + found["unknown"] >= 27
        wrong = [check for check in found["checks"] if check["outcome"] in {"failed", "unknown"}]
        if not wrong or time.monotonic() > deadline:
            return wrong
        more = [argument for check in wrong for argument in ("--only", check["name"])]
        time.sleep(5)


def enrol(environment: Environment, api: Api) -> None:
    """Let each client of the federation draw its key, and write their roster, as the guide does."""
    place = f"/apis/apps/v1/namespaces/{places.FEDERATION}/statefulsets/{_CLIENT}"
    declared = api.get(place)
    assert declared
    (main, *_) = declared["spec"]["template"]["spec"]["containers"]
    (definition,) = (argument.partition("=")[2] for argument in main["args"] if argument.startswith("--definition="))
    names = [f"{_CLIENT}-{number}" for number in range(declared["spec"]["replicas"])]
    roster: dict[str, Any] = {}
    for name in names:
        identity = f"spiffe://{environment.identity.trust_domain}/ns/{places.FEDERATION}/sa/{_CLIENT}/pod/{name}"
        command = ["python", "-m", "workloads.federation", "entry", f"--definition={definition}", f"--state={_STATE}"]
        command += [f"--name={name}", f"--names={','.join(names)}", f"--identity={identity}"]
        ran = commands.run(api, places.FEDERATION, name, _CLIENT, command, within_s=180)
        assert ran.code == 0, ran.output
        roster |= json.loads(ran.output)
    data = {"data": {"roster.json": json.dumps(roster)}}
    path = f"{listing('v1', 'configmaps', places.FEDERATION)}/fl-roster"
    answer = api.send("PATCH", path, data, media_type="application/merge-patch+json")
    assert answer.ok, answer.message
    api.connection.rest_client.pool_manager.clear()
