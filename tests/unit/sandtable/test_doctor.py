"""``sandtable doctor --install``: what it provides, what it leaves, and how it ends."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

import toolchain.environments
from sandtable import app
from sandtable.jobs.stack import tools
from sandtable.jobs.stack.tools import ensure
from toolchain import BuildProgress, InstallPlan, InstallStep, ToolStatus
from toolchain.environments import read_groups


def line(name: str, jobs: tuple[str, ...], problem: str | None) -> ToolStatus:
    return ToolStatus(name, "", jobs, "1", None, None, None, "MIT", None, None, problem, None)


JOBS: dict[str, tuple[str, ...]] = {
    "etcd": ("cluster",),
    "pulumi": ("deploy",),
    "docker": ("containers",),
    "chromium": ("browser",),
    "bao": (),
}


@dataclass
class Machine:
    """What the doctor finds and is asked for."""

    missing: str = ""
    asked: tuple[str, ...] = ()
    verified: bool = False
    environments: list[str] = field(default_factory=list)

    def ensure(self, names: tuple[str, ...], _steps: Any, *, verify: bool) -> None:
        self.asked, self.verified = names, verify

    def status(self) -> list[ToolStatus]:
        return [line(name, needed, "not found" if name in self.missing.split() else None) for name, needed in JOBS.items()]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    found = Machine()
    monkeypatch.setattr(tools, "ensure", found.ensure)
    monkeypatch.setattr(tools, "ensure_environment", lambda group, _steps: found.environments.append(group))
    monkeypatch.setattr(toolchain, "status", found.status)
    monkeypatch.setattr(toolchain.environments, "status", list)  # whatever lies in the cache of whoever runs this
    monkeypatch.setattr(toolchain, "obtainable", lambda names: tuple(name for name in names if name not in ("docker", "chromium")))
    return found


def test_what_we_cannot_install_does_not_keep_the_rest_from_being_installed(machine: Machine) -> None:
    app.run(["doctor", "--install"])
    node = set(toolchain.tools_for("node")) - set(toolchain.tools_for("cluster"))
    assert set(machine.asked) == set(toolchain.tools_for("all")) - {"docker", "chromium"} - node - set(toolchain.tools_for("platform"))
    assert machine.verified
    assert machine.environments == [name for name, group in read_groups().items() if not group.on_demand]
    assert "training" not in machine.environments  # 5 GB


@pytest.mark.parametrize(("missing", "code"), [("", 0), ("docker chromium", 0), ("bao", 0), ("etcd", 7), ("docker pulumi", 7)], ids=str)
def test_it_fails_where_a_rehearsal_cannot_be_had(machine: Machine, capsys: pytest.CaptureFixture[str], missing: str, code: int) -> None:
    machine.missing = missing
    assert app.run(["doctor", "--install", "--json"]) == code
    document = json.loads(capsys.readouterr().out)
    assert [tool["name"] for tool in document["tools"] if tool["problem"]] == [name for name in JOBS if name in missing.split()]


def test_a_damaged_tool_is_announced_before_it_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The plan counts it as missing only if it verifies too."""
    told: list[str] = []

    def plan(_names: object, *, verify: bool = False) -> InstallPlan:
        return InstallPlan((InstallStep(("etcd",), "build", 36.0, 27.0),) if verify else ())

    def provide(_names: object, *, on_progress: Any = None, verify: bool = False) -> dict[str, Any]:
        assert verify
        on_progress(BuildProgress("etcd", "planned", 0.0, 36.0, 0.0))
        return {}

    class Steps:
        def step(self, name: str) -> Any:
            told.append(name)
            return Silent()

        def builds(self) -> Any:
            return Silent()

        def say(self, words: str) -> None:
            told.append(words)

    monkeypatch.setattr(toolchain, "plan", plan)
    monkeypatch.setattr(toolchain, "ensure", provide)
    ensure(["etcd"], Steps(), verify=True)  # type: ignore[arg-type]
    assert told[0] == "tools"
    assert "takes about 36 s" in told[1]


class Silent:
    """A step of which nothing is shown."""

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def __call__(self, _event: BuildProgress) -> None:
        return None

    def note(self, _words: str) -> None:
        return None
