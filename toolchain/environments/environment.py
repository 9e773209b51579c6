"""One virtual environment per dependency group, kept in the cache and created on first use.

Rule 1: an environment stays valid as long as a new one would be identical: the same requirements, the same Python, and every distribution
at a version pinned in constraints.txt. A change to a distribution that it does not contain does not affect it.
Rule 2: it is built in a staging folder under a lock, and renamed when complete. An aborted build leaves only pip's downloads.
Rule 3: it is isolated from the packages of the Python that created it. The project itself is not installed in it: the caller puts the
project's root on PYTHONPATH (``foundation.processes.python``).
Rule 4: scripts contain the path of the staging folder, so they are removed: start programs with ``python -m``.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import time
import venv
from collections.abc import Callable, Mapping
from importlib.metadata import distributions
from pathlib import Path
from typing import Any, Final

from foundation.processes.child import Child
from foundation.processes.interrupts import held_interrupts
from toolchain.cache import Cache, Lock, explained, remove
from toolchain.catalogue import platform
from toolchain.environments.group import Group, normalised, read_groups
from toolchain.errors import InstallFailedError, UnknownToolError
from toolchain.finding.health import ToolStatus
from toolchain.finding.resolver import INSTALL
from toolchain.installing.diagnosis import diagnose, tail
from toolchain.installing.progress import BuildProgress, Listener, State
from toolchain.installing.recipes import pip_environment

_RECEIPT: Final = "environment.json"
_WHEN_NEEDED: Final = "none needed: the first job that runs in it creates it"
_POLL_S: Final = 0.2
_DOWNLOADING_SHARE: Final = 0.8
"""Share of the time spent on resolving and downloading; then everything is unpacked in one step."""


def environment_for(
    name: str,
    *,
    on_progress: Listener | None = None,
    environ: Mapping[str, str] | None = None,
    groups: Mapping[str, Group] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Path:
    """Return the Python of the environment of group ``name``; create the environment first if it is missing.

    Args:
        name: of the dependency group.
        on_progress: gets an event when the build begins, several while it runs and one at its end; none if nothing is built.
        environ: variables that name the cache and set up pip; default: ours.
        groups: default: those of this project.
        clock: in seconds.

    Raises:
        UnknownToolError: there is no such group.
        InstallFailedError: pip failed, for instance without a network; the message has the remedy and the end of the log.
        CacheError: the cache cannot be written.
        CatalogueError: pyproject.toml is missing or wrong.
    """
    environ = os.environ if environ is None else environ
    groups = read_groups() if groups is None else groups
    if name not in groups:
        raise UnknownToolError(f"there is no environment {name!r}; there are: {', '.join(sorted(groups)) or 'none'}")
    group, cache = groups[name], Cache.of(environ)
    if found := find(group, cache):
        return found
    build = _Build(group, cache, environ, on_progress or (lambda _event: None), clock)
    try:
        return build.run()
    finally:
        with held_interrupts():
            build.stop()


def find(group: Group, cache: Cache) -> Path | None:
    """Return the Python of a valid environment of ``group``; None if there is none."""
    pins = group.pins()
    for receipt in sorted((cache.root / "environments" / group.name).glob(f"*/{_RECEIPT}")):
        try:
            said: dict[str, Any] = json.loads(receipt.read_text(encoding="utf-8"))
            current = (
                said["requirements"] == list(group.requirements)
                and said["python"] == _python()
                and all(version in pins.get(package, {version}) for package, version in said["packages"].items())
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue
        python = receipt.parent / "bin" / "python"
        if current and python.exists():  # a link to a Python that may have been removed
            return python
    return None


def status(environ: Mapping[str, str] | None = None, groups: Mapping[str, Group] | None = None) -> list[ToolStatus]:
    """Return a line for the doctor's table for each environment; changes nothing."""
    cache = Cache.of(os.environ if environ is None else environ)
    lines = []
    for group in (read_groups() if groups is None else groups).values():
        python = find(group, cache)
        lines.append(
            ToolStatus(
                name=f"python-{group.name}",
                purpose=f"virtual environment for {group.purpose}",
                needed_for=(),
                wanted=", ".join(group.requirements),
                found=f"{sys.version_info.major}.{sys.version_info.minor}" if python else None,
                origin="wheel" if python else None,
                path=python,
                licence="of its packages",
                sha256=None,
                size_bytes=json.loads((python.parents[1] / _RECEIPT).read_text(encoding="utf-8"))["size"] if python else None,
                problem=None if python else "not created yet",
                fix=None if python else _WHEN_NEEDED if group.on_demand else INSTALL,
            )
        )
    return lines


class _Build:
    """The build of one environment."""

    def __init__(self, group: Group, cache: Cache, environ: Mapping[str, str], listener: Listener, clock: Callable[[], float]) -> None:
        self._group, self._cache, self._environ, self._listener, self._clock = group, cache, environ, listener, clock
        self._title = f"python-{group.name}"
        self._lock: Lock = cache.lock(self._title)
        self._log = cache.log(self._title)
        self._staging: Path | None = None
        self._child: Child | None = None
        self._started = clock()

    def run(self) -> Path:
        self._tell("planned")
        while not self._lock.try_acquire():
            self._tell("waiting")
            time.sleep(_POLL_S)
        if found := find(self._group, self._cache):  # another process has built it meanwhile
            self._tell("done", share=1.0)
            return found
        self._started = self._clock()
        self._staging = self._cache.stage(self._title)
        folder = self._staging / "environment"
        with explained(folder):
            venv.EnvBuilder(symlinks=True, with_pip=False).create(folder)
            self._log.unlink(missing_ok=True)
        self._install_packages(folder / "bin" / "python")
        with explained(folder):
            place = self._put(folder)
        self._tell("done", share=1.0)
        return place / "bin" / "python"

    def stop(self) -> None:
        """Stop pip if it runs, remove the staging folder, release the lock."""
        if self._child is not None:
            self._child.stop()
        if self._staging is not None:
            shutil.rmtree(self._staging, ignore_errors=True)
        self._lock.release()

    def _install_packages(self, python: Path) -> None:
        options = ["--only-binary", ":all:", "--constraint", str(self._group.constraints), "--progress-bar", "off", "--retries", "2"]
        command = [sys.executable, "-m", "pip", "--python", str(python), "install", *options, *self._group.requirements]
        with held_interrupts(), explained(self._log):
            self._child = Child(command, env=pip_environment(self._environ), log=self._log).start()
        while (code := self._child.wait(_POLL_S)) is None:
            lines = self._child.last_lines(10_000)
            fetched = min(sum(line.startswith("Collecting ") for line in lines) / self._group.packages, 1.0)
            self._tell("running", share=_DOWNLOADING_SHARE * fetched, detail=lines[-1] if lines else "")
        if code != 0:
            self._tell("failed")
            text = self._log.read_text(encoding="utf-8", errors="replace")
            diagnosis = diagnose(text, code)
            raise InstallFailedError(self._title, diagnosis.reason, diagnosis.fix, log=self._log, tail=tail(text))

    def _put(self, folder: Path) -> Path:
        """Write the receipt, and move the environment into place."""
        for script in (folder / "bin").iterdir():
            if not script.name.startswith("python"):
                script.unlink()
        library = folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
        packages = {normalised(found.metadata["Name"]): found.version for found in distributions(path=[str(library)])}
        receipt = {
            "requirements": list(self._group.requirements),
            "python": _python(),
            "packages": dict(sorted(packages.items())),
            "size": sum(file.lstat().st_size for file in folder.rglob("*")),
            "seconds": round(self._clock() - self._started, 1),
        }
        (folder / _RECEIPT).write_text(json.dumps(receipt, indent=2) + "\n", encoding="utf-8")
        key = hashlib.sha256(json.dumps([receipt[part] for part in ("requirements", "python", "packages")]).encode()).hexdigest()[:12]
        place = self._cache.root / "environments" / self._group.name / key
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.exists():  # damaged, or its Python was removed, so `find` did not return it
            remove(place)
        folder.rename(place)
        return place

    def _tell(self, state: State, *, share: float = 0.0, detail: str = "") -> None:
        elapsed = self._clock() - self._started
        self._listener(BuildProgress(self._title, state, elapsed, self._group.seconds, share, detail))


def _python() -> str:
    return f"{sys.implementation.cache_tag}-{platform()}"
