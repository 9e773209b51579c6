"""`pulumi preview --policy-pack policies/crossguard` with a real engine: a program that breaks rules is stopped before anything exists.

The provider renders manifests into a folder, so no cluster is needed.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

import policies
from toolchain import ensure, environment, tools_for

pytestmark = pytest.mark.e2e

PACK = Path(policies.__file__).parent / "crossguard"
PROGRAM = """
import pulumi
import pulumi_kubernetes as k8s

provider = k8s.Provider("files", render_yaml_to_directory="rendered")
k8s.core.v1.Pod(
    "web",
    metadata={"name": "web", "namespace": "default", "annotations": ANNOTATIONS},
    spec={
        "automount_service_account_token": False,
        "security_context": {"run_as_non_root": True},
        "containers": [
            {
                "name": "web",
                "image": IMAGE,
                "resources": {"requests": {"cpu": "100m"}, "limits": {"memory": "64Mi"}},
                "security_context": {
                    "allow_privilege_escalation": False,
                    "read_only_root_filesystem": True,
                    "capabilities": {"drop": ["ALL"]},
                },
            }
        ],
    },
    opts=pulumi.ResourceOptions(provider=provider),
)
k8s.networking.v1.NetworkPolicy(
    "default-deny",
    metadata={"name": "default-deny", "namespace": "default"},
    spec={"pod_selector": {}, "policy_types": DENIED},
    opts=pulumi.ResourceOptions(provider=provider),
)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose stack is made once; nothing is ever deployed from it."""
    return tmp_path_factory.mktemp("project")


def preview(
    folder: Path, *, image: str, denied: list[str], annotations: dict[str, str] | None = None, config: str = "config: {}"
) -> tuple[int, str]:
    """Exit code and output of a preview with the pack; ``config`` is what the stack's file holds."""
    names = tools_for("deploy")
    ensure(names)
    environ = os.environ | environment(names)
    environ |= {"PULUMI_BACKEND_URL": f"file://{folder / 'state'}", "PULUMI_CONFIG_PASSPHRASE": "test", "PULUMI_HOME": str(folder / "home")}
    program = PROGRAM.replace("ANNOTATIONS", repr(annotations or {})).replace("IMAGE", repr(image)).replace("DENIED", repr(denied))
    (folder / "__main__.py").write_text(program)
    (folder / "Pulumi.yaml").write_text("name: example\nruntime: python\n")
    (folder / "state").mkdir(exist_ok=True)

    def pulumi(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["pulumi", *arguments, "--non-interactive", "--color=never"]
        return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=240, check=False)

    settings = folder / "Pulumi.prod.yaml"
    if not settings.exists():
        created = pulumi("stack", "init", "organization/example/prod")
        assert created.returncode == 0, created.stderr
    settings.write_text(f"{settings.read_text().partition('config:')[0]}\n{config}\n")
    done = pulumi("preview", "--stack", "organization/example/prod", "--policy-pack", str(PACK))
    return done.returncode, done.stdout + done.stderr


def test_a_good_program_passes(folder: Path) -> None:
    code, output = preview(folder, image="web:1.4.2", denied=["Ingress", "Egress"])
    assert code == 0, output
    assert "sandtable" in output


def test_a_bad_program_is_stopped_with_the_rules_words(folder: Path) -> None:
    code, output = preview(folder, image="web:latest", denied=["Ingress"])
    assert code != 0
    assert "[mandatory]" in output
    assert "images-pinned" in output
    assert "not pinned: web:latest" in output
    assert "namespace default has no default deny for egress" in output


def test_a_waiver_lets_it_pass(folder: Path) -> None:
    waiver = {"sandtable.dev/waiver": "images-pinned: built on this machine"}
    code, output = preview(folder, image="web:latest", denied=["Ingress", "Egress"], annotations=waiver)
    assert code == 0, output


NODE = """
k8s.core.v1.Node(
    "cpu-0",
    metadata={
        "name": "cpu-0",
        "labels": {"sandtable.dev/pool": "cpu"},
        "annotations": {"sandtable.dev/price": "aws/us-east-1/c6i.2xlarge"},
    },
    opts=pulumi.ResourceOptions(provider=provider),
)
"""


def test_the_stacks_own_environment_is_judged_by(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine tells the stack's configuration after the pack has started: its budget and what holds in prod only count."""
    monkeypatch.setattr(f"{__name__}.PROGRAM", PROGRAM + NODE)
    code, output = preview(folder, image="web:1.4.2", denied=["Ingress", "Egress"], config="config:\n  sandtable:budget: {monthly_usd: 1}")
    assert code != 0, output
    assert "budget-not-exceeded" in output
    assert "over the budget of $1.00" in output


def test_a_configuration_that_cannot_be_meant_stops_the_preview(folder: Path) -> None:
    code, output = preview(folder, image="web:1.4.2", denied=["Ingress", "Egress"], config="config:\n  sandtable:buget: {monthly_usd: 1}")
    assert code != 0, output
    assert "Pulumi.prod.yaml: buget: unknown key" in output
    assert "did you mean 'budget'?" in output
