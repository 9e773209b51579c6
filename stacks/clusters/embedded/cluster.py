"""One embedded cluster: start, heal, stop, delete.

Rule 1: ``start`` is idempotent and heals: it leaves running servers alone and restarts dead ones on the same data.
Rule 2: concurrent starts do not race: a lock on the cluster's folder makes one wait for the other.
Rule 3: ready means that a Deployment would roll out now: the API answers, the controllers and the scheduler are healthy, and the
default service account exists (pods are rejected without it).
Rule 4: a start that fails or is interrupted stops what it started, and nothing else.
"""

from __future__ import annotations

import contextlib
import errno
import shutil
from collections.abc import Callable, Container, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any, Final

import yaml

from foundation.processes.attempts import attempts
from foundation.processes.lock import FileLock
from stacks.clusters.embedded.access import Connection, write_kubeconfig
from stacks.clusters.embedded.certificates import make_certificates
from stacks.clusters.embedded.ports import Ports, stays_taken
from stacks.clusters.embedded.processes import Processes, Server
from stacks.clusters.embedded.servers import GROUPS, KINDS, servers
from stacks.clusters.embedded.site import Site
from stacks.clusters.port import ClusterStatus
from stacks.errors import ClusterError

_READY_WITHIN_S: Final = 120.0
_LOCK_WITHIN_S: Final = 180.0
_POLL_S: Final = 0.05
_PORT_ATTEMPTS: Final = 3
#: etcd alone preallocates 64 MiB for its WAL; with less than this it fails half-way, with a less clear message.
_DISK_MIB: Final = 256
_OBJECTS: Final = Path(__file__).with_name("objects.yaml")
_ALONE: Final = Site()
_DEFAULT_CLASS: Final = "storageclass.kubernetes.io/is-default-class"
_DEFAULT_ACCOUNT: Final = "/api/v1/namespaces/default/serviceaccounts/default"


class EmbeddedCluster:
    """The embedded cluster called ``name``, with its data in ``folder``, serving at ``site``."""

    def __init__(self, name: str, folder: Path, site: Site = _ALONE) -> None:
        self.name, self.site = name, site
        self.folder = folder.absolute()
        self._processes = Processes(self.folder / "processes")

    @property
    def kubeconfig(self) -> Path:
        """Kubeconfig of the administrator; it exists once the cluster has been started."""
        return self.folder / "kubeconfig"

    @property
    def kubeconfigs(self) -> tuple[Path, ...]:
        """The administrator's kubeconfig alone."""
        return (self.kubeconfig,)

    @property
    def context(self) -> str:
        """Context inside the kubeconfig."""
        return f"sandtable-{self.name}"

    @property
    def log_folder(self) -> Path:
        """Folder with a log for each server."""
        return self._processes.folder

    def start(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Make the cluster ready; see the rules above.

        ``meanwhile`` is called once, when the API answers and the controllers are still starting; it may raise ClusterError.

        Raises:
            ClusterError: the folder cannot be written, a server does not start, or the cluster does not become ready in two minutes.
            toolchain.ToolMissingError: a server is missing.
        """
        with self._storage_errors(), self._lock():
            ports = Ports.read(self._ports_file)
            self._processes.let_go(KINDS)
            if ports and not self._dead() and self._api(ports).ok("/readyz"):
                meanwhile()
                return
            self._check_disk()
            make_certificates(self.pki, self.site)
            before = set(KINDS) - set(self._dead())
            try:
                self._bring_up(meanwhile)
            except BaseException:
                self._stop(KINDS.keys() - before)
                raise

    def stop(self) -> None:
        """Stop the servers in reverse order of their start; the data stays."""
        if not self.folder.exists():
            self._stop(KINDS)  # the folder was removed, but the servers still run
            return
        with self._storage_errors(), self._lock():
            self._stop(KINDS)

    def delete(self) -> None:
        """Stop, and remove the data."""
        if not self.folder.exists():
            self._stop(KINDS)
            return
        with self._storage_errors(), self._lock():
            self._stop(KINDS)
            shutil.rmtree(self.folder)

    def status(self) -> ClusterStatus:
        """Return what is running, without changing anything."""
        dead, ports = self._dead(), Ports.read(self._ports_file)
        note = ""
        if not dead:
            note = "nodes and pods are simulated by KWOK"
        elif len(dead) < len(KINDS):
            note = f"not running: {', '.join(dead)}; `sandtable cluster start {self.name}` restarts them"
        return ClusterStatus(
            self.name,
            "embedded",
            running=not dead and ports is not None,
            server=f"https://{self.site.address}:{ports.api}" if ports else None,
            nodes_are_played=True,
            note=note,
            context=self.context,
        )

    def api(self) -> Connection:
        """A connection to the API as the administrator; the cluster must have been started once.

        Raises:
            ClusterError: it never was.
        """
        if (ports := Ports.read(self._ports_file)) is None:
            raise ClusterError(f"cluster {self.name} was never started; `sandtable cluster start {self.name}`")
        return self._api(ports)

    @property
    def pki(self) -> Path:
        """Folder of the certificates and keys."""
        return self.folder / "pki"

    def kept_to(self, cores: frozenset[int]) -> AbstractContextManager[None]:
        """Pin the running servers to ``cores`` for a while."""
        return self._processes.kept_to(KINDS, cores)

    @property
    def _ports_file(self) -> Path:
        return self.folder / "ports.json"

    def _api(self, ports: Ports) -> Connection:
        return Connection(self.pki, ports.api, host=self.site.address)

    def _dead(self) -> list[str]:
        return [name for name in KINDS if not self._processes.alive(name)]

    def _bring_up(self, meanwhile: Callable[[], None]) -> None:
        for attempt in range(1, _PORT_ATTEMPTS + 1):
            ports = self._choose_ports(attempt)
            try:
                self._start_servers(ports, meanwhile)
            except _PortTakenError:
                if attempt == _PORT_ATTEMPTS:
                    raise
            else:
                return

    def _choose_ports(self, attempt: int) -> Ports:
        """Reuse the ports of the last start. If another process took one in the meantime, choose new ports and restart all servers."""
        ports = Ports.read(self._ports_file)
        needed = [getattr(ports, port) for name in self._dead() for port in KINDS[name].ports] if ports else []
        if ports is None or attempt > 1 or any(stays_taken(port) for port in needed):
            self._stop(KINDS)
            ports = Ports.free(f"{self.folder}#{attempt}", api=self.site.api_port)
            ports.write(self._ports_file)
        for client, _, _ in self.site.clients:
            path = self.kubeconfig if client == "admin" else self.folder / f"{client}.kubeconfig"
            write_kubeconfig(path, self.pki, client, ports.api, self.context, host=self.site.address)
        return ports

    def _start_servers(self, ports: Ports, meanwhile: Callable[[], None]) -> None:
        api = self._api(ports)
        fleet = servers(self.folder, ports, self.site)
        store, apiserver, *clients, player = fleet
        self._processes.start(store)
        self._processes.start(apiserver)
        self._await([store, apiserver], "the API to answer", lambda: api.ok("/readyz"))
        # Only now: clients that find no API back off for seconds, and compete with it for CPU while it starts.
        for server in clients:
            self._processes.start(server)
        meanwhile()
        for document in self._objects():
            self._await(fleet[:-1], f"the {document['kind']} {document['metadata']['name']}", partial(api.apply, document))
        self._processes.start(player)
        for name, port in (("controller manager", ports.controller_manager), ("scheduler", ports.scheduler)):
            health = Connection.unverified(self.pki, port)
            self._await(fleet, f"the {name} to be healthy", partial(health.ok, "/healthz"))
        self._await(fleet, "the default service account", lambda: api.get(_DEFAULT_ACCOUNT) is not None)

    def _objects(self) -> Iterator[dict[str, Any]]:
        for document in yaml.safe_load_all(_OBJECTS.read_text(encoding="utf-8")):
            if document["kind"] == "StorageClass" and self.site.node:
                document["metadata"]["annotations"] = {_DEFAULT_CLASS: "false"}  # a real node has volumes of its own
            yield document

    def _stop(self, names: Container[str]) -> None:
        for group, patience_s in GROUPS:
            self._processes.stop([name for name in group if name in names], patience_s)

    def _await(self, fleet: list[Server], what: str, ready: Callable[[], bool]) -> None:
        for _ in attempts(_READY_WITHIN_S, _POLL_S):
            if ready():
                return
            for server in fleet:
                if not self._processes.alive(server.name):
                    words, log = self._processes.last_words(server.name), self._processes.log(server.name)
                    kind = _PortTakenError if "address already in use" in words else ClusterError
                    raise kind(f"{server.name} of cluster {self.name} ended while it was starting; the end of {log}:\n{words}")
        raise ClusterError(
            f"cluster {self.name}: waited {_READY_WITHIN_S:.0f} s for {what} without success; the logs are in {self.log_folder}. "
            f"Try again, or start over with `sandtable cluster delete {self.name}`"
        )

    def _check_disk(self) -> None:
        free = shutil.disk_usage(self.folder).free >> 20
        if free < _DISK_MIB:
            raise ClusterError(
                f"cluster {self.name}: only {free} MiB are free on the disk of {self.folder}, and {_DISK_MIB} MiB are needed; "
                "free some, or choose another folder with --root"
            )

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Next to the folder, not in it: `delete` removes the folder while it holds the lock.
        lock = FileLock(self.folder.with_name(f".{self.folder.name}.lock"))
        if not lock.acquire(_LOCK_WITHIN_S):
            raise ClusterError(f"another process has been starting or stopping cluster {self.name} for three minutes")
        try:
            self.folder.mkdir(mode=0o700, exist_ok=True)  # a `delete` that we waited for may have removed it
            yield
        finally:
            lock.release()

    @contextlib.contextmanager
    def _storage_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EPERM, errno.EDQUOT, errno.ENOTDIR, errno.EEXIST}:
                place = error.filename or self.folder
                raise ClusterError(
                    f"cluster {self.name}: {place} cannot be written: {error.strerror}; free space or choose another folder with --root"
                ) from error
            raise


class _PortTakenError(ClusterError):
    """Another process took a port between our choice and the server's start."""
