"""One cluster with a real node: start, heal, stop, delete.

Rule 1: ``start`` is idempotent and heals. Servers that died are started again, and pods keep running meanwhile. Where the namespaces are
gone, everything of the node is ended and begins anew on the same data: images, volumes and the API's objects stay.
Rule 2: whatever belongs to the node is in its control group, so ``stop`` finds it however it was left.
Rule 3: ready means that a Deployment would run now and be found by its Service's name.
Rule 4: a start that fails or is interrupted stops what it started, and nothing else.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import psutil

import toolchain
from foundation.processes.attempts import attempts
from foundation.processes.lock import FileLock
from stacks.clusters.embedded import EmbeddedCluster
from stacks.clusters.embedded.access import Connection
from stacks.clusters.embedded.processes import Processes
from stacks.clusters.embedded.site import RealNode, Site
from stacks.clusters.node import configuration, requirements
from stacks.clusters.node.cgroups import ControlGroup
from stacks.clusters.node.namespaces import HOLDER, Namespaces, remove_link, routed_networks
from stacks.clusters.node.objects import system_objects, volumes
from stacks.clusters.node.pod_network import PodNetwork
from stacks.clusters.node.probes import resolves
from stacks.clusters.node.servers import NAMES, REGISTRY, Fleet
from stacks.clusters.node.subnet import Subnet, choose, read
from stacks.clusters.port import ClusterStatus
from stacks.errors import ClusterError
from toolchain.images import ensure_images, store

#: NetworkPolicies, and SPIRE, expect the API at 443 or 6443; every cluster has an address of its own, so the port is free.
_API_PORT: Final = 6443
_KUBELET_PORT: Final = 10250
_READY_WITHIN_S: Final = 120.0
_LOCK_WITHIN_S: Final = 180.0
_POLL_S: Final = 0.1
_GRACE_S: Final = 5.0
#: Two starts must not choose the same subnet.
_SUBNETS_LOCK: Final = Path("/run/lock/sandtable-subnets.lock")
_API_NAME: Final = "kubernetes.default.svc.cluster.local"


class NodeCluster:
    """The cluster called ``name`` with one real node, its data in ``folder``.

    Args:
        name: Of the environment.
        folder: For everything that it keeps.
        node_name: Of the node.
        labels: Of the node, besides Kubernetes' own.
    """

    def __init__(self, name: str, folder: Path, *, node_name: str, labels: Mapping[str, str]) -> None:
        self.name, self.folder, self._node_name, self._labels = name, folder.absolute(), node_name, labels
        self._own = self.folder / "node"
        self._processes = Processes(self._own / "processes")
        self._instance = f"{zlib.crc32(str(self.folder).encode()):08x}"
        self._group = ControlGroup(f"sandtable-{self._instance}")
        self._namespaces = Namespaces(self._own, self._processes, self._group)

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

    def pod_folder(self, pod_uid: str) -> Path:
        """Return the folder of this machine in which the kubelet keeps a pod's volumes."""
        return self._own / "kubelet" / "pods" / pod_uid

    @property
    def log_folder(self) -> Path:
        """Folder with a log for each server of the node; those of the control plane are in ``processes`` beside ``node``."""
        return self._processes.folder

    def start(self) -> None:
        """Make the cluster ready; see the rules above.

        Raises:
            ClusterError: this machine cannot have a real node, a server does not start, or the node is not ready in two minutes.
            toolchain.ToolchainError: a server is missing, or the image that every pod needs cannot be written.
        """
        tools = requirements.check(self.name, self.folder)
        with self._lock():
            subnet = read(self._subnet_file)
            if subnet and self._healthy(subnet):
                # The volumes of claims that are gone keep their data, and are not given again.
                self._add_volumes(self._control_plane(subnet).api(), self._node(subnet))
                return
            ensure_images([configuration.PAUSE])
            before = self._alive()
            try:
                self._bring_up(tools)
            except BaseException:
                self._undo(before)
                raise

    def stop(self) -> None:
        """End the pods, the node and the control plane; the data stays."""
        with self._lock():
            self._stop()

    def delete(self) -> None:
        """Stop, and remove the data."""
        with self._lock():
            self._stop()
            shutil.rmtree(self.folder)

    def status(self) -> ClusterStatus:
        """Return what is running, without changing anything."""
        subnet = read(self._subnet_file)
        if subnet is None:
            return ClusterStatus(self.name, "node", running=False, server=None, nodes_are_played=False, context=self.context)
        below = self._control_plane(subnet).status()
        dead = [name for name in (HOLDER, *NAMES) if not self._processes.alive(name)]
        if not dead and below.running:
            note = f"pods run on the node {self._node_name}; those of pools with GPUs are simulated by KWOK"
        elif dead and (len(dead) <= len(NAMES) or below.running):
            note = f"not running: {', '.join(dead)}; `sandtable cluster start {self.name}` restarts them"
        else:
            note = below.note
        return ClusterStatus(
            self.name,
            "node",
            running=not dead and below.running,
            server=below.server,
            nodes_are_played=False,
            note=note,
            context=self.context,
        )

    def processes_of(self, name: str) -> list[psutil.Process]:
        """Return the processes of a pod (``pod<uid>``) or of a container (its id), the first first; none if it does not run here."""
        return sorted(self._group.members(name), key=lambda process: (process.create_time(), process.pid))

    def network_of(self, uid: str) -> PodNetwork:
        """Return the network of the pod ``uid``, to be entered.

        Raises:
            ClusterError: the pod does not run here.
        """
        if not (processes := self.processes_of(f"pod{uid}")):
            raise ClusterError(f"cluster {self.name}: no process of the pod {uid} runs here")
        return PodNetwork(processes[0].pid)

    @property
    def _subnet_file(self) -> Path:
        return self.folder / "subnet.json"

    def _node(self, subnet: Subnet) -> RealNode:
        return RealNode(self._node_name, subnet.node)

    def _control_plane(self, subnet: Subnet) -> EmbeddedCluster:
        site = Site(address=subnet.host, api_port=_API_PORT, service_range=subnet.services, node=self._node(subnet))
        return EmbeddedCluster(self.name, self.folder, site)

    def _kubelet(self, subnet: Subnet) -> Connection:
        return Connection(self.folder / "pki", _KUBELET_PORT, host=subnet.node)

    def _alive(self) -> set[str]:
        return {name for name in (HOLDER, *NAMES) if self._processes.alive(name)}

    def _healthy(self, subnet: Subnet) -> bool:
        if not self._namespaces.ready or len(self._alive()) <= len(NAMES) or not self._control_plane(subnet).status().running:
            return False
        return self._control_plane(subnet).api().ok("/readyz") and self._node_is_ready(subnet) and resolves(subnet.dns, _API_NAME)

    def _bring_up(self, tools: Mapping[str, toolchain.Tool]) -> None:
        fresh = not self._namespaces.ready
        subnet = self._make_namespaces() if fresh else read(self._subnet_file)
        assert subnet is not None
        control_plane = self._control_plane(subnet)
        self._own.joinpath("etc").mkdir(parents=True, exist_ok=True)
        configuration.write_all(
            self._own, control_plane.pki, subnet, runc=tools["runc"].path, cgroup=self._group.path, images=store(toolchain.cache_dir()).root
        )
        self._link_plugins(tools)
        fleet = Fleet(self._own, self._node(subnet), subnet, self._labels, self._namespaces.inside(), self._namespaces.beside(), tools)
        self._processes.start(fleet.server(REGISTRY))
        self._processes.start(fleet.server("containerd"))

        def join() -> None:
            self._await("containerd to answer", lambda: self._containerd_answers(tools))
            if fresh:
                self._forget_readiness(control_plane.api())
            self._processes.start(fleet.server("kubelet"))
            self._processes.start(fleet.server("kube-proxy"))

        control_plane.start(meanwhile=join)
        api = control_plane.api()
        with api.kept_open():
            for document in system_objects(fleet.node, subnet, tools):
                self._apply(api, document)
            self._add_volumes(api, fleet.node)
        self._await(f"the node {self._node_name} to be ready", lambda: self._node_is_ready(subnet))
        self._processes.start(fleet.server("kube-router"))
        self._await("the cluster's DNS to answer", lambda: resolves(subnet.dns, _API_NAME))

    def _make_namespaces(self) -> Subnet:
        """End what is left of the node, and make its namespaces on the subnet of the last start, or on a new one."""
        self._end_node()
        _SUBNETS_LOCK.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(_SUBNETS_LOCK)
        if not lock.acquire(_LOCK_WITHIN_S):
            raise ClusterError("another process has been choosing addresses for a node for three minutes")
        try:
            taken = routed_networks()
            subnet = read(self._subnet_file) or choose(str(self.folder), taken)
            subnet.refuse(taken, self.name)
            subnet.write(self._subnet_file)
            self._group.make()
            self._namespaces.make(subnet)
        finally:
            lock.release()
        return subnet

    def _link_plugins(self, tools: Mapping[str, toolchain.Tool]) -> None:
        folder = self._own / "cni"
        folder.mkdir(exist_ok=True)
        for name in configuration.PLUGINS:
            link = folder / name
            link.unlink(missing_ok=True)
            link.symlink_to(tools[name].path)

    def _containerd_answers(self, tools: Mapping[str, toolchain.Tool]) -> bool:
        command = [*self._namespaces.inside(), str(tools["ctr"].path), f"--address={configuration.SOCKET}", "version"]
        return subprocess.run(command, capture_output=True, check=False, stdin=subprocess.DEVNULL).returncode == 0

    def _forget_readiness(self, api: Connection) -> None:
        """Take back what the API remembers of the node's last life, so that nobody counts on pods that are gone."""
        condition = {"type": "Ready", "status": "Unknown", "reason": "NodeRestarted", "message": "the node begins anew"}
        api.merge(f"/api/v1/nodes/{self._node_name}/status", {"status": {"conditions": [condition]}})

    def _add_volumes(self, api: Connection, node: RealNode) -> None:
        listed: Any = api.get("/api/v1/persistentvolumes") or {"items": []}
        known = {item["metadata"]["name"]: item.get("status", {}).get("phase", "") for item in listed["items"]}
        for folder, document in volumes(node, self._own / "volumes", known):
            folder.mkdir(mode=0o777, parents=True, exist_ok=True)
            self._apply(api, document)

    def _apply(self, api: Connection, document: dict[str, Any]) -> None:
        self._await(f"the {document['kind']} {document['metadata']['name']}", lambda: api.apply(document))

    def _node_is_ready(self, subnet: Subnet) -> bool:
        if not self._kubelet(subnet).ok("/healthz"):
            return False
        node: Any = self._control_plane(subnet).api().get(f"/api/v1/nodes/{self._node_name}") or {}
        conditions = node.get("status", {}).get("conditions", ())
        return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)

    def _undo(self, before: set[str]) -> None:
        if not before:
            self._stop()
        else:
            self._processes.stop(self._alive() - before, _GRACE_S)

    def _stop(self) -> None:
        self._end_node()
        subnet = read(self._subnet_file)
        if subnet is not None:
            self._control_plane(subnet).stop()

    def _end_node(self) -> None:
        self._group.remove(_GRACE_S)
        self._processes.stop((*NAMES, HOLDER), _GRACE_S)
        if (subnet := read(self._subnet_file)) is not None:
            remove_link(subnet)

    def _await(self, what: str, ready: Callable[[], bool]) -> None:
        started = self._alive()
        for _ in attempts(_READY_WITHIN_S, _POLL_S):
            if ready():
                return
            for name in sorted(started - self._alive()):
                words, log = self._processes.last_words(name), self._processes.log(name)
                raise ClusterError(f"{name} of cluster {self.name} ended while it was starting; the end of {log}:\n{words}")
        raise ClusterError(
            f"cluster {self.name}: waited {_READY_WITHIN_S:.0f} s for {what} without success; the logs are in {self.log_folder}. "
            f"Try again, or start over with `sandtable cluster delete {self.name}`"
        )

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        self.folder.mkdir(mode=0o711, parents=True, exist_ok=True)
        lock = FileLock(self.folder.with_name(f".{self.folder.name}.node.lock"))
        if not lock.acquire(_LOCK_WITHIN_S):
            raise ClusterError(f"another process has been starting or stopping cluster {self.name} for three minutes")
        try:
            self.folder.mkdir(mode=0o711, exist_ok=True)
            yield
        finally:
            lock.release()
