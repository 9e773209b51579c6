"""Ctrl-C at each step of a rehearsal, an engine that dies, a state that is locked: nothing is orphaned, and the next command goes on.

All tests work in one project, one after the other: each starts from what the interruption before it has left behind. What a test needs
of that it makes where it is missing, as for a second try.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import psutil
import pytest
from jsonschema import Draft202012Validator

ROOT = Path(__file__).parents[3]
WITHIN_S = 400.0

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("interrupts"), pytest.mark.timeout(1500)]


class Project:
    """A folder with dev, a short load and thresholds that only the missing can break."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._mark = folder, folder / "tmp"
        self._mark.mkdir(parents=True)
        self.commands: list[Running] = []
        for path in ROOT.glob("Pulumi.*.yaml"):
            shutil.copy(path, folder)
        dev = folder / "Pulumi.dev.yaml"
        text = dev.read_text(encoding="utf-8").replace("duration_s: 60", "duration_s: 8").replace("rate_per_s: 8.0", "rate_per_s: 1.0")
        assert text.count("duration_s: 8") == text.count("rate_per_s: 1.0") == 1
        head, _, rest = text.partition("    - p95_ttft_ms")
        dev.write_text(head + "    - failed_share" + rest.partition("    - failed_share")[2], encoding="utf-8")

    def start(self, *arguments: str, **variables: str) -> Running:
        """Start ``sandtable``; every process that comes of it carries our TMPDIR."""
        environ = {**os.environ, "TMPDIR": str(self._mark), "NO_COLOR": "1", "COLUMNS": "200", **variables}
        self.commands.append(Running(self, arguments, environ))
        return self.commands[-1]

    def processes(self) -> dict[str, psutil.Process]:
        """What runs on our behalf, by name and pid."""
        found = {}
        for process in psutil.process_iter():
            try:
                if process.environ().get("TMPDIR") == str(self._mark) and process.status() != psutil.STATUS_ZOMBIE:
                    found[f"{process.pid}: {' '.join(process.cmdline())[:120]}"] = process
            except psutil.Error:
                continue
        return found

    def until(self, what: str, happened: Callable[[], bool]) -> None:
        """Wait for something; show what runs, and what the last command wrote, where it is in vain."""
        deadline = time.monotonic() + WITHIN_S
        while not happened():
            last = self.commands[-1].err[-2000:] if self.commands else ""
            assert time.monotonic() < deadline, f"{what}: not within {WITHIN_S:g} s; there run {list(self.processes())}\n{last}"
            time.sleep(0.02)

    def done(self, *arguments: str) -> None:
        """Run a command that has to succeed."""
        run = self.start(*arguments)
        assert run.end() == 0, run.err

    @property
    def pulumi(self) -> Path:
        return self.folder / ".sandtable" / "state" / ".pulumi"

    def locks(self) -> list[Path]:
        return list((self.pulumi / "locks").rglob("*.json"))

    def resources(self) -> int:
        """How many the state has."""
        latest = [
            json.loads(path.read_text(encoding="utf-8"))["checkpoint"]["latest"] for path in (self.pulumi / "stacks").rglob("dev.json")
        ]
        return sum(len((each or {}).get("resources", ())) for each in latest)


class Running:
    """One command at work; its lines on stderr tell how far it is."""

    def __init__(self, project: Project, arguments: tuple[str, ...], environ: dict[str, str]) -> None:
        self.project = project
        number = len(project.commands)
        self._err, self._out = project.folder / f"{number}.err", project.folder / f"{number}.out"
        with self._err.open("wb") as err, self._out.open("wb") as out:
            self.process = self._spawn(arguments, environ, out, err)

    def _spawn(self, arguments: tuple[str, ...], environ: dict[str, str], out: IO[bytes], err: IO[bytes]) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "sandtable", "-C", str(self.project.folder), *arguments]
        return subprocess.Popen(command, cwd=ROOT, env=environ, stdin=subprocess.DEVNULL, stdout=out, stderr=err)

    @property
    def err(self) -> str:
        return self._err.read_text(encoding="utf-8")

    @property
    def out(self) -> str:
        return self._out.read_text(encoding="utf-8")

    def wait_for(self, words: str) -> None:
        """Wait until ``words`` stand on stderr."""

        def written() -> bool:
            ended = self.process.poll() is not None  # before its last words are read
            found = words in self.err
            assert found or not ended, self.err
            return found

        self.project.until(words, written)

    def end(self, number: int | None = None) -> int:
        """Send a signal where one is given, and return the exit code."""
        if number is not None:
            self.process.send_signal(number)
        return self.process.wait(WITHIN_S)


def checked(run: Running, name: str) -> Any:
    """The document that a command has printed, held to its schema."""
    document = json.loads(run.out)
    schema = json.loads((ROOT / "docs" / "schemas" / f"{name}.json").read_text(encoding="utf-8"))
    assert [f"{error.json_path}: {error.message}" for error in Draft202012Validator(schema).iter_errors(document)] == []
    return document


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    made = Project(tmp_path_factory.mktemp("interrupts"))
    yield made
    made.done("cluster", "delete", "dev", "--yes")
    made.until("nothing runs", lambda: not made.processes())


@pytest.fixture(autouse=True)
def ended(project: Project) -> Iterator[None]:
    """End what a failed test has left running, so that the next one fails for reasons of its own."""
    yield
    for command in project.commands:
        if command.process.poll() is None:
            command.end(signal.SIGINT)


@pytest.fixture
def stopped(project: Project) -> Project:
    """Nothing runs."""
    if project.processes():
        project.done("cluster", "stop", "dev")
        project.until("nothing runs", lambda: not project.processes())
    return project


@pytest.fixture
def running(project: Project) -> Project:
    """The cluster runs."""
    project.done("cluster", "start", "dev")
    return project


@pytest.fixture
def deployed(project: Project) -> Project:
    """The cluster runs, and all of dev is on it."""
    if not project.processes() or project.locks() or project.resources() < 2:
        project.done("cluster", "start", "dev")
        project.done("up", "dev")
    return project


# Ctrl-C after "engines" is the first of two in the test below.
@pytest.mark.usefixtures("stopped")
@pytest.mark.parametrize("after", ["cost", "cluster", "live graph", "predict", "load test"])
def test_ctrl_c_leaves_nothing_behind(project: Project, after: str) -> None:
    run = project.start("rehearse", "dev")
    run.wait_for(f"✓ {after}")
    assert run.end(signal.SIGINT) == 130, run.err
    assert "error: interrupted" in run.err
    assert "Traceback" not in run.err
    assert not project.processes()


@pytest.mark.usefixtures("stopped")
def test_a_second_ctrl_c_does_not_orphan_the_cluster(project: Project) -> None:
    run = project.start("rehearse", "dev")
    run.wait_for("✓ engines")
    run.process.send_signal(signal.SIGINT)
    project.until("the engines end", lambda: not any("-m workloads.engine" in name for name in project.processes()))
    while run.process.poll() is None:  # now the cluster is being stopped
        run.process.send_signal(signal.SIGINT)
        time.sleep(0.05)
    assert run.end() == 130, run.err
    assert not project.processes()


@pytest.mark.usefixtures("stopped")
def test_the_next_rehearsal_works_and_cleans_up(project: Project) -> None:
    run = project.start("rehearse", "dev", "--json")
    assert run.end() in {0, 4}, run.err
    document = checked(run, "rehearsal")
    assert document["graph"]["matches_deployed"]
    assert len(document["real"]) == 5  # control plane, engine, gateway, load, federation
    assert any("KWOK" in text for text in document["simulated"])
    assert not project.processes()


@pytest.mark.usefixtures("running")
def test_engine_that_dies_is_inconclusive_and_a_running_cluster_is_left_alone(project: Project) -> None:
    before = project.processes()
    run = project.start("rehearse", "dev")
    run.wait_for("✓ predict")
    engine = next(process for name, process in project.processes().items() if "-m workloads.engine" in name)
    engine.kill()
    assert run.end() == 4, run.err
    document = json.loads(max((project.folder / ".sandtable" / "runs").glob("*/rehearsal.json")).read_text(encoding="utf-8"))
    assert document["verdict"] == "inconclusive"
    assert any("an engine died during the load" in reason["text"] and "signal 9" in reason["text"] for reason in document["reasons"])
    assert project.processes().keys() == before.keys()


@pytest.mark.usefixtures("running")
def test_locked_state_and_interrupted_up(project: Project) -> None:
    before = project.start("down", "dev", "--json")
    assert before.end() == 0, before.err
    checked(before, "up")
    first = project.start("up", "dev")
    first.wait_for("✓ cluster")
    project.until("it locks the state", lambda: bool(project.locks()) or first.process.poll() is not None)
    assert project.locks(), first.err
    second = project.start("up", "dev", "--json")
    assert second.end() == 2, second.err
    error = checked(second, "error")["error"]
    assert error["name"] == "configuration"
    assert "another run" in error["message"]
    assert first.end(signal.SIGINT) == 130
    assert not project.locks()
    last = project.start("up", "dev", "--json")
    assert last.end() == 0, last.err
    assert checked(last, "up")["changes"]["create"] > 0


@pytest.mark.usefixtures("deployed")
@pytest.mark.parametrize("command", ["preview", "refresh", "down"])
def test_ctrl_c_on_what_is_deployed_leaves_a_state_to_go_on_from(project: Project, command: str) -> None:
    before = project.processes()
    run = project.start(command, "dev")
    run.wait_for("✓ cluster")
    assert run.end(signal.SIGINT) == 130, run.err
    assert "Traceback" not in run.err
    assert project.processes().keys() == before.keys()
    assert not project.locks()
    (stack,) = (project.pulumi / "stacks").rglob("dev.json")
    assert not json.loads(stack.read_text(encoding="utf-8"))["checkpoint"]["latest"].get("pending_operations")
    after = project.start("up", "dev", "--json")
    assert after.end() == 0, after.err
    assert checked(after, "up")["changes"].keys() <= {"same", "create"}


@pytest.mark.usefixtures("deployed")
@pytest.mark.parametrize(
    ("schema", "codes", "arguments"),
    [
        ("preview", {0}, ("preview", "dev")),
        ("refresh", {0}, ("refresh", "dev")),
        ("loadtest", {0, 4}, ("loadtest", "dev", "--open-loop", "--duration", "5s")),
        ("report", {0}, ("report", "--no-open")),
        ("kubeconfig", {0}, ("cluster", "kubeconfig", "dev")),
        ("variables", {0}, ("doctor", "--env")),
    ],
)
def test_what_is_deployed_is_told_as_the_schemas_say(project: Project, schema: str, codes: set[int], arguments: tuple[str, ...]) -> None:
    if schema == "report" and not list(project.folder.glob(".sandtable/runs/*/rehearsal.json")):
        assert project.start("rehearse", "dev").end() in {0, 4}
    run = project.start(*arguments, "--json")
    assert run.end() in codes, run.err
    assert checked(run, schema)


@pytest.mark.usefixtures("deployed")
def test_wrong_passphrase(project: Project) -> None:
    run = project.start("up", "dev", PULUMI_CONFIG_PASSPHRASE="wrong")
    assert run.end() == 2, run.err
    assert "PULUMI_CONFIG_PASSPHRASE" in run.err
    assert "Traceback" not in run.err


@pytest.mark.usefixtures("deployed")
@pytest.mark.parametrize(("options", "line", "code"), [((), "✓ engines", 130), (("--web",), "Locust's page is at", 4)])
def test_load_test_ends_with_its_processes(project: Project, options: tuple[str, ...], line: str, code: int) -> None:
    before = project.processes()
    run = project.start("loadtest", "dev", *options)
    run.wait_for(line)
    assert run.end(signal.SIGINT) == code, run.err
    assert project.processes().keys() == before.keys()


@pytest.mark.usefixtures("deployed")
def test_killed_outright_the_engine_ends_too(project: Project) -> None:
    before = project.processes()
    run = project.start("loadtest", "dev", "--open-loop")
    run.wait_for("✓ engines")
    assert run.end(signal.SIGKILL) == -signal.SIGKILL
    project.until(f"only {list(before)} run", lambda: project.processes().keys() == before.keys())
