"""A fresh project folder, and only what the documentation says to type: the Pulumi CLI by hand, over the tools and the state of ours."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stacks.clusters import open_cluster
from stacks.environment.file import load
from stacks.graph import Graph
from stacks.graph.sources import from_program

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

REPOSITORY = Path(__file__).parents[3]
ENV = 'eval "$(sandtable doctor --env)"'

Shell = Callable[[str], str]


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Path]:
    """What a clone holds, and nothing that any command has made."""
    root = tmp_path / "clone"
    root.mkdir()
    for path in REPOSITORY.glob("Pulumi*.yaml"):
        shutil.copy(path, root)
    for folder in ("stacks", "policies"):
        shutil.copytree(REPOSITORY / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    yield root
    open_cluster(load("dev", root=root), root).delete()


@pytest.fixture
def declared(fresh: Path) -> Graph:
    return from_program(load("dev", root=fresh))


@pytest.fixture
def shell(fresh: Path) -> Shell:
    """Return a function that runs a line in the folder, with the project's environment activated, and returns what it printed."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PULUMI_")}
    environ |= {"PATH": os.pathsep.join([str(Path(sys.executable).parent), environ["PATH"]]), "NO_COLOR": "1"}

    def run(line: str, *, fails: bool = False) -> str:
        done = subprocess.run(
            ["bash", "-c", line],
            cwd=fresh,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
            check=False,
        )
        assert (done.returncode != 0) is fails, done.stdout
        return done.stdout

    return run


def test_without_a_cluster_it_says_how_to_start_one(shell: Callable[..., str]) -> None:
    told = shell(f"{ENV} && pulumi up -s dev --yes", fails=True)
    assert "error: cluster dev is not running: start it with `sandtable cluster start dev`" in told
    assert "Traceback" not in told


def test_one_line_deploys_and_the_state_is_that_of_sandtable_up(shell: Shell, declared: Graph) -> None:
    told = shell(f"{ENV} && sandtable cluster start dev && pulumi up -s dev --yes")
    assert f"+ {len(declared) + 1} created" in told
    assert f"{len(declared)} resources unchanged" in shell("sandtable up dev")
    # Pulumi.yaml names the state for an installation without our variables.
    own = "unset PULUMI_BACKEND_URL PULUMI_CONFIG_PASSPHRASE"
    listed = shell(f"{ENV} && {own} && pulumi stack ls")
    assert [line.split()[-1] for line in listed.splitlines() if line.split()[0].rstrip("*") == "dev"] == [str(len(declared) + 1)], listed
    told = shell(f"{ENV} && {own} && PULUMI_CONFIG_PASSPHRASE=sandtable pulumi preview -s dev --non-interactive")
    assert f"{len(declared) + 1} unchanged" in told
