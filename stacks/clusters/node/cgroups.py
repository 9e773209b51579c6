"""The control group of one node: everything that runs on it, servers and pods, is in it or below it.

That makes it the identity of the instance: whatever a killed command left behind is found here, not by name.

Sources: cgroups(7); Documentation/admin-guide/cgroup-v1 and cgroup-v2.rst of the kernel.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil

from foundation.processes.detached import end_processes
from stacks.errors import ClusterError

_MOUNT: Final = Path("/sys/fs/cgroup")
#: The leaf of the servers: in version 2 a group with children that have controllers holds no process itself.
_SERVERS: Final = "servers"
_EMPTY_WITHIN_S: Final = 10.0
_POLL_S: Final = 0.02


class ControlGroup:
    """The control group ``name`` below the root, in every hierarchy of this machine.

    Args:
        name: A single path component.
        mount: Where the hierarchies are mounted.
    """

    def __init__(self, name: str, mount: Path = _MOUNT) -> None:
        self.name, self._mount = name, mount
        self._unified = (mount / "cgroup.controllers").exists()

    @property
    def path(self) -> str:
        """The group as the kubelet and the container runtime name it."""
        return f"/{self.name}"

    @property
    def entries(self) -> list[Path]:
        """Files to which a process writes its id to join the servers, one per hierarchy."""
        return [folder / _SERVERS / "cgroup.procs" for folder in self._folders()]

    def make(self) -> None:
        """Create the group; the node as a whole weighs as much as its cores, not as one process.

        Raises:
            ClusterError: control groups cannot be created here.
        """
        try:
            for folder in self._folders():
                (folder / _SERVERS).mkdir(parents=True, exist_ok=True)
                if self._unified:
                    _delegate(folder)
                else:
                    _inherit_cpus(folder)
                _weigh(folder)
        except OSError as error:
            raise ClusterError(
                f"a real node needs control groups of its own, and {error.filename} cannot be written: {error.strerror}"
            ) from error

    def _servers(self) -> list[psutil.Process]:
        return _processes(self.entries)

    def members(self, within: str = "") -> list[psutil.Process]:
        """Return every process of the group, those of its pods included; or those below a group called ``within``."""
        groups = (group for folder in self._folders() for group in _tree(folder))
        return _processes(group / "cgroup.procs" for group in groups if not within or within in group.parts)

    def remove(self, patience_s: float) -> None:
        """End all processes, those of pods by SIGTERM and after ``patience_s`` by SIGKILL, and remove the group.

        The servers go first and at once: they are made for it, and would otherwise start the pods again.

        Raises:
            ClusterError: a process cannot be ended.
        """
        deadline = time.monotonic() + patience_s + _EMPTY_WITHIN_S
        end_processes(self._servers(), 0.0)
        while members := self.members():  # a process may fork while the others are ended
            if time.monotonic() > deadline:
                names = ", ".join(f"{member.pid} {_name(member)}" for member in members[:5])
                raise ClusterError(f"these processes of the node {self.name} do not end, not even by SIGKILL: {names}")
            end_processes(members, patience_s)
            patience_s = 0.0
        for folder in self._folders():
            _remove(folder, deadline)

    def _folders(self) -> Sequence[Path]:
        if self._unified:
            return [self._mount / self.name]
        # Version 1 mounts each controller apart; `unified` beside them, where it exists, is the empty version 2 of a hybrid.
        return [
            hierarchy / self.name
            for hierarchy in sorted(self._mount.iterdir())
            if (hierarchy / "cgroup.procs").exists() and not hierarchy.is_symlink()
        ]


def _processes(lists: Iterable[Path]) -> list[psutil.Process]:
    found: dict[int, psutil.Process] = {}
    for procs in lists:
        with suppress(OSError):
            for pid in map(int, procs.read_text(encoding="ascii").split()):
                with suppress(psutil.NoSuchProcess):
                    found.setdefault(pid, psutil.Process(pid))
    return list(found.values())


def _delegate(folder: Path) -> None:
    """Let the children of ``folder`` have all controllers (version 2)."""
    for group in (folder.parent, folder):
        offered = (group / "cgroup.controllers").read_text(encoding="ascii").split()
        for controller in offered:
            with suppress(OSError):  # one that a machine does not allow below the root is not needed
                (group / "cgroup.subtree_control").write_text(f"+{controller}", encoding="ascii")


def _inherit_cpus(folder: Path) -> None:
    """Give a new group of the cpuset hierarchy its parent's CPUs and memory nodes: without them no process may join (version 1)."""
    for group in (folder, folder / _SERVERS):
        for file in ("cpuset.cpus", "cpuset.mems"):
            if (group / file).exists() and not (group / file).read_text(encoding="ascii").strip():
                (group / file).write_text((group.parent / file).read_text(encoding="ascii"), encoding="ascii")


def _weigh(folder: Path) -> None:
    cores = os.cpu_count() or 1
    for file, one_core, most in (("cpu.shares", 1024, 262_144), ("cpu.weight", 100, 10_000)):
        if (folder / file).exists():
            (folder / file).write_text(str(min(one_core * cores, most)), encoding="ascii")


def _remove(folder: Path, deadline: float) -> None:
    """Remove a group and its children; a group stays busy for a moment after its last process."""
    for group in sorted(_tree(folder), reverse=True):
        _remove_one(group, deadline)


def _tree(folder: Path) -> Iterator[Path]:
    """Yield a group and all below it; groups of pods go while one looks."""
    for path, _, _ in os.walk(folder):
        yield Path(path)


def _remove_one(group: Path, deadline: float) -> None:
    while True:
        try:
            group.rmdir()
        except FileNotFoundError:
            return
        except OSError as error:
            if time.monotonic() > deadline:
                raise ClusterError(f"the control group {group} cannot be removed: {error.strerror}") from error
            time.sleep(_POLL_S)
        else:
            return


def _name(process: psutil.Process) -> str:
    with suppress(psutil.Error):
        return process.name()
    return "?"
