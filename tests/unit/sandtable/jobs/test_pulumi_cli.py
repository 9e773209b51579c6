"""What ``sandtable doctor --env`` prepares: the passphrase, and a stack for each environment."""

from __future__ import annotations

from pathlib import Path

import pytest

import toolchain
from sandtable.jobs.stack.pulumi_cli import make_stacks, variables
from sandtable.workspace import Workspace
from stacks.deployment import Deployment
from stacks.errors import ConfigurationError

EMBEDDED = "config:\n  sandtable:cluster: {provider: embedded}\n"
REAL = "config:\n  sandtable:cluster: {provider: kubeconfig, context: prod}\n"
CLOUD_KEY = REAL + "  sandtable:secrets: {stack_encryption: 'hashivault://sandtable-stack'}\n"


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """No passphrase is set, and no tool is looked for."""
    for name in ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(toolchain, "environment", lambda _names: {"PATH": "/tools"})


def put(root: Path, **environments: str) -> Workspace:
    for name, text in environments.items():
        (root / f"Pulumi.{name}.yaml").write_text(text)
    return Workspace(root)


@pytest.mark.parametrize("prod", [EMBEDDED, CLOUD_KEY])
def test_rehearsals_have_a_passphrase(tmp_path: Path, prod: str) -> None:
    found = variables(put(tmp_path, dev=EMBEDDED, prod=prod))
    assert found == {
        "PATH": "/tools",
        "PULUMI_BACKEND_URL": f"file://{tmp_path}/.sandtable/state",
        "PULUMI_CONFIG_PASSPHRASE": "sandtable",
    }
    assert (tmp_path / ".sandtable" / "state").is_dir()


def test_a_real_cluster_is_not_encrypted_with_a_passphrase_that_everybody_knows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "PULUMI_CONFIG_PASSPHRASE" not in variables(put(tmp_path, dev=EMBEDDED, prod=REAL))
    assert "use a real cluster: prod; export PULUMI_CONFIG_PASSPHRASE yourself" in capsys.readouterr().err


def test_what_cannot_be_read_may_be_a_real_cluster(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "PULUMI_CONFIG_PASSPHRASE" not in variables(put(tmp_path, dev=EMBEDDED, prod=REAL + "  sandtable:owmer: bob\n"))
    assert "use a real cluster: prod; export PULUMI_CONFIG_PASSPHRASE yourself" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"])
def test_a_passphrase_that_is_set_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    monkeypatch.setenv(name, "own")
    assert "PULUMI_CONFIG_PASSPHRASE" not in variables(put(tmp_path, prod=REAL))
    assert capsys.readouterr().err == ""


def test_each_environment_gets_its_stack_and_what_cannot_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made: list[str] = []

    def make(self: Deployment) -> None:
        if self.environment.name == "prod":
            raise ConfigurationError("set PULUMI_CONFIG_PASSPHRASE\nor its file")
        made.append(self.environment.name)

    monkeypatch.setattr(Deployment, "make", make)
    make_stacks(put(tmp_path, bad="config: [\n", dev=EMBEDDED, prod=EMBEDDED))
    assert made == ["dev"]
    told = capsys.readouterr().err.splitlines()
    assert all(line.startswith("# ") for line in told), "a shell that evaluates it sees comments"
    assert told[0].startswith("# the stack bad was not created: ")
    assert told[-2:] == ["# the stack prod was not created: set PULUMI_CONFIG_PASSPHRASE", "# or its file"]
