"""`pulumi` by hand, with no other binaries than ours: a file backend, a program without a provider, a policy pack."""

import os
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

import toolchain

pytestmark = pytest.mark.e2e

PROGRAM = """
import os
import pulumi

class Box(pulumi.ComponentResource):
    def __init__(self, name, size, opts=None):
        super().__init__("test:index:Box", name, {"size": size}, opts)
        self.register_outputs({"size": size})

one = Box("one", 3)
Box("two", int(pulumi.Config().get("size") or "4"), pulumi.ResourceOptions(parent=one))
print("hello from the program")
if os.environ.get("FAIL"):
    raise ValueError("this program is broken")
if place := os.environ.get("HANG"):
    open(place, "w").write(str(os.getpid()))
    import time
    time.sleep(600)
pulumi.export("urn", one.urn)
"""
PACK = """
from pulumi_policy import EnforcementLevel, PolicyPack, ResourceValidationPolicy

def small(args, report):
    if args.resource_type == "test:index:Box" and args.props["size"] > 3:
        report(f"box {args.name} is larger than 3")

policy = ResourceValidationPolicy("small-boxes", "Boxes are small.", small)
PolicyPack("boxes", enforcement_level=EnforcementLevel.MANDATORY, policies=[policy])
"""


class Project:
    """A project folder and the `pulumi` that runs it."""

    def __init__(self, root: Path) -> None:
        names = ("pulumi", "pulumi-language-python", "pulumi-analyzer-policy-python")
        toolchain.ensure(names)
        self.root = root
        self.environ = os.environ | toolchain.environment(names)
        self.environ |= {
            "PULUMI_BACKEND_URL": f"file://{root / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE": "test",
            "PULUMI_HOME": str(root / "home"),
        }
        (root / "state").mkdir()
        (root / "Pulumi.yaml").write_text("name: tiny\nruntime: python\n")
        (root / "__main__.py").write_text(PROGRAM)
        (root / "pack").mkdir()
        (root / "pack" / "PulumiPolicy.yaml").write_text("runtime: python\n")
        (root / "pack" / "__main__.py").write_text(PACK)
        made = self.pulumi("stack", "init", "dev")
        assert made.returncode == 0, made.stdout

    def command(self, *arguments: str) -> list[str]:
        return ["pulumi", *arguments, "--non-interactive", "--color", "never"]

    def pulumi(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            cwd=self.root,
            env=self.environ | environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=240,
            check=False,
        )


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_up_creates_and_a_second_up_changes_nothing(project: Project) -> None:
    first = project.pulumi("up", "-s", "dev", "--yes")
    assert first.returncode == 0, first.stdout
    assert "+ 3 created" in first.stdout
    assert "hello from the program" in first.stdout
    assert "warning" not in first.stdout
    second = project.pulumi("up", "-s", "dev", "--yes", "--expect-no-changes")
    assert second.returncode == 0, second.stdout
    assert "3 unchanged" in second.stdout


def test_configuration_reaches_the_program(project: Project) -> None:
    first = project.pulumi("up", "-s", "dev", "--yes", "--skip-preview")
    assert first.returncode == 0, first.stdout
    answer = project.pulumi("preview", "-s", "dev", "--diff", "-c", "size=7")
    assert answer.returncode == 0, answer.stdout
    assert "size: 4 => 7" in answer.stdout


def test_a_program_that_raises_fails_the_update_and_is_told_once(project: Project) -> None:
    answer = project.pulumi("up", "-s", "dev", "--yes", "--skip-preview", FAIL="1")
    assert answer.returncode != 0
    assert answer.stdout.count("ValueError: this program is broken") == 1
    assert "pulumi_language_python.py" not in answer.stdout


def test_a_policy_pack_denies(project: Project) -> None:
    answer = project.pulumi("preview", "-s", "dev", "--policy-pack", "pack")
    assert answer.returncode != 0
    assert "small-boxes" in answer.stdout
    assert "box two is larger than 3" in answer.stdout
    assert "box one" not in answer.stdout


def test_a_policy_pack_that_is_kept_lets_the_preview_pass(project: Project) -> None:
    answer = project.pulumi("preview", "-s", "dev", "--policy-pack", "pack", "-c", "size=2")
    assert answer.returncode == 0, answer.stdout


def test_the_host_does_not_outlive_a_killed_engine(project: Project) -> None:
    place = project.root / "pid"
    engine = subprocess.Popen(
        project.command("preview", "-s", "dev"),
        cwd=project.root,
        env=project.environ | {"HANG": str(place)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 180
    while not (place.exists() and place.read_text()):
        assert engine.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    host = psutil.Process(int(place.read_text()))
    engine.send_signal(signal.SIGKILL)
    engine.wait()
    host.wait(timeout=60)
