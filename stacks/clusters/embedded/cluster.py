"""One embedded cluster: started, healed, stopped, thrown away.

Rule 1: ``start`` is idempotent and heals: what runs is left alone, what died is started again over the same data.
Rule 2: two starts at once do not race: a lock on the cluster's folder lets one wait for the other.
Rule 3: ready means that a Deployment would roll out now: the API answers, the controllers and the scheduler are healthy, and the
default service account exists (pods are refused without it).
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Final

from stacks.clusters.embedded.access import Connection, write_kubeconfig
from stacks.clusters.embedded.certificates import CLIENTS, make_certificates
from stacks.clusters.embedded.processes import Processes, Server
from stacks.clusters.embedded.servers import HOST, NAMES, Ports, servers
from stacks.clusters.port import ClusterStatus
from stacks.errors import ClusterError

_READY_WITHIN_S: Final = 60.0
_LOCK_WITHIN_S: Final = 120.0
_POLL_S: Final = 0.05

STORAGE_CLASS: Final = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {"name": "sandtable", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
    "provisioner": "kubernetes.io/host-path",  # the controller manager's own, for clusters without a cloud
    "reclaimPolicy": "Delete",
    "volumeBindingMode": "Immediate",
}


class EmbeddedCluster:
    """The embedded cluster called ``name``, with its data in ``folder``."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder.absolute()
        self._processes = Processes(self.folder / "processes")

    @property
    def kubeconfig(self) -> Path:
        """Kubeconfig of the administrator; it exists once the cluster has been started."""
        return self.folder / "kubeconfig"

    @property
    def context(self) -> str:
        """Context inside the kubeconfig."""
        return f"sandtable-{self.name}"

    @property
    def log_folder(self) -> Path:
        """Folder with a log for each server."""
        return self._processes.folder

    def start(self) -> None:
        """Make the cluster ready; see the rules above.

        Raises:
            ClusterError: the folder cannot be written, a server does not start, or the cluster does not become ready in a minute.
            toolchain.ToolMissingError: a server is missing.
        """
        with self._storage_errors(), self._lock():
            if self._running() and self._api.ok("/readyz"):
                return
            make_certificates(self._pki)
            fleet = servers(self.folder, self._choose_ports())
            store, api, *clients = fleet
            self._processes.start(store)
            self._processes.start(api)
            self._await([store, api], "the API to answer", lambda: self._api.ok("/readyz"))
            # Clients that find no API back off for seconds, and take its processor while it starts.
            for server in clients:
                self._processes.start(server)
            self._await(fleet, "the storage class", lambda: self._api.create("/apis/storage.k8s.io/v1/storageclasses", STORAGE_CLASS))
            ports = self._ports
            for name, port in (("controller manager", ports.controller_manager), ("scheduler", ports.scheduler)):
                health = Connection.unverified(self._pki, port)
                self._await(fleet, f"the {name} to be healthy", lambda health=health: health.ok("/healthz"))  # type: ignore[misc]
            account = "/api/v1/namespaces/default/serviceaccounts/default"
            self._await(fleet, "the default service account", lambda: self._api.get(account) is not None)

    def stop(self) -> None:
        """End the servers in the opposite order of their start; the data stays."""
        if not self.folder.exists():
            return
        with self._storage_errors(), self._lock():
            self._stop()

    def delete(self) -> None:
        """Stop, and remove the data."""
        if not self.folder.exists():
            return
        with self._storage_errors(), self._lock():
            self._stop()
            shutil.rmtree(self.folder)

    def status(self) -> ClusterStatus:
        """Tell what runs, without changing anything."""
        dead = [name for name in NAMES if not self._processes.alive(name)]
        running = not dead
        note = "nodes and pods are played by KWOK"
        if dead and len(dead) < len(NAMES):
            note = f"not running: {', '.join(dead)}; `sandtable cluster start {self.name}` starts them again"
        server = f"https://{HOST}:{self._ports.api}" if self._ports_file.exists() else None
        return ClusterStatus(self.name, "embedded", running, server, nodes_are_played=True, note=note if running or len(dead) < len(NAMES) else "")

    @property
    def _pki(self) -> Path:
        return self.folder / "pki"

    @property
    def _ports_file(self) -> Path:
        return self.folder / "ports.json"

    @property
    def _ports(self) -> Ports:
        return Ports(**json.loads(self._ports_file.read_text(encoding="utf-8")))

    @cached_property
    def _api(self) -> Connection:
        return Connection(self._pki, self._ports.api)

    def _running(self) -> bool:
        return self._ports_file.exists() and all(self._processes.alive(name) for name in NAMES)

    def _choose_ports(self) -> Ports:
        """Keep the ports of the last start while they are ours or free; otherwise choose new ones and end what used the old."""
        ours = any(self._processes.alive(name) for name in NAMES)
        if self._ports_file.exists():
            ports = self._ports
            if ours or not ports.taken():
                return ports
        ports = Ports.free()
        self._ports_file.write_text(json.dumps(asdict(ports)), encoding="utf-8")
        self.__dict__.pop("_api", None)
        for client, _, _ in CLIENTS:
            path = self.kubeconfig if client == "admin" else self.folder / f"{client}.kubeconfig"
            write_kubeconfig(path, self._pki, client, ports.api, self.context)
        return ports

    def _stop(self) -> None:
        for name in reversed(NAMES):
            self._processes.stop(Server(name, ()))

    def _await(self, fleet: list[Server], what: str, ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _READY_WITHIN_S
        while not ready():
            for server in fleet:
                if not self._processes.alive(server.name):
                    words = self._processes.last_words(server.name)
                    self._stop()
                    log = self._processes.log(server.name)
                    raise ClusterError(f"{server.name} of cluster {self.name} ended while it was starting; the end of {log}:\n{words}")
            if time.monotonic() > deadline:
                self._stop()
                raise ClusterError(
                    f"cluster {self.name}: waited {_READY_WITHIN_S:.0f} s for {what}, in vain; the logs are in {self.log_folder}. "
                    f"Try again, or start afresh with `sandtable cluster delete {self.name}`"
                )
            time.sleep(_POLL_S)

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        self.folder.mkdir(parents=True, exist_ok=True)
        # Beside the folder, not in it: `delete` removes the folder while it holds the lock.
        with self.folder.with_name(f".{self.folder.name}.lock").open("w") as lock:
            deadline = time.monotonic() + _LOCK_WITHIN_S
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except OSError as error:
                    if error.errno not in {errno.EAGAIN, errno.EACCES}:
                        raise
                    if time.monotonic() > deadline:
                        raise ClusterError(f"another process has been starting or stopping cluster {self.name} for two minutes") from error
                    time.sleep(_POLL_S)
            yield

    @contextlib.contextmanager
    def _storage_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT, errno.ENOTDIR}:
                raise ClusterError(
                    f"cluster {self.name}: {self.folder} cannot be written: {error.strerror}; free the disk or choose another folder with --root"
                ) from error
            raise
