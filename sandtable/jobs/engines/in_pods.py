"""The stack's own pods under load, on a cluster whose node is real: the engine and the gateway that were deployed.

Rule 1: nothing is started. The load takes the way of every client: the gateway's Service, its policies, the limits of its container.
Rule 2: this machine is no client of the platform, so NetworkPolicies keep it out. While a rehearsal lasts, one more policy lets it in.
Rule 3: an engine's cores are those that the kubelet gave its container; everything of ours stays on the others.
"""

from __future__ import annotations

import os
import signal
import socket
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from foundation.processes.attempts import attempts
from sandtable.errors import SandtableError
from sandtable.jobs.engines.cores import Cores, EnginesDoNotFitError, pinned
from sandtable.jobs.engines.running import alone
from sandtable.jobs.gateway.running import CALIBRATION, RunningGateway
from sandtable.local.program import waited_s

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sandtable.terminal import Steps
    from simulations.deployed import DeployedEngines
    from simulations.gateway import DeployedGateway
    from stacks.clusters.node import NodeCluster

_POLICY: Final = "rehearsal"
#: What a pod's sandbox runs; the pod's own processes are the others.
_SANDBOX: Final = "pause"
_TIMEOUT_S: Final = 20
#: The kubelet looks for containers that have ended every second (its PLEG's relist period).
_SEEN_S: Final = 1.0
#: The node's firewall follows a policy within a second; a busy machine takes longer.
_LET_IN_WITHIN_S: Final = 60.0
_CONNECTED_S: Final = 2.0
_POLL_S: Final = 0.1


class PodsNotReachedError(SandtableError):
    """The pods of the stack cannot be loaded; the text says why."""


@dataclass(frozen=True, slots=True)
class PodEngine:
    """The engine of one pod, which serves at ``url`` with the process ``pid``."""

    url: str
    pod: str
    pid: int
    started_in_s: float
    """From the start of its container until the pod was ready, and the second in which the kubelet sees that one has ended."""
    now: Callable[[], int]
    """Returns its process as it is now."""

    @property
    def comes_back(self) -> bool:
        """Always: the kubelet starts its container again."""
        return True

    def kill(self) -> None:
        """End its process, and with it its container (SIGKILL).

        Raises:
            PodsNotReachedError: it has none.
        """
        os.kill(self.now(), signal.SIGKILL)

    def start(self) -> None:
        """Do nothing: the kubelet does."""

    def alive(self) -> bool:
        """Whether its process is still the same: a container that was restarted has another."""
        return Path(f"/proc/{self.pid}").exists()

    def waited_s(self) -> float:
        """Return how long its threads have waited for a core, in seconds."""
        return waited_s(self.pid)

    def exit_reason(self) -> str:
        """Return that it has ended; empty while it runs."""
        return "" if self.alive() else f"the engine of pod {self.pod} ended; `kubectl logs --previous` has its last words"


@dataclass(frozen=True, slots=True)
class StackInPods:
    """What is deployed on ``cluster``; ``key`` is the one that its gateway takes."""

    cluster: NodeCluster
    key: str

    @contextmanager
    def engines(self, deployed: DeployedEngines, root: Path, steps: Steps) -> Iterator[tuple[list[PodEngine], Cores]]:
        """Yield the engines behind the Service, and how the cores are shared; until the end this machine may reach both and the gateway.

        Raises:
            PodsNotReachedError: there is not one engine, or its pod is gone.
            EnginesDoNotFitError: no core is left for the load generator.
        """
        from stacks.clusters import kept_to
        from stacks.graph import labels

        namespace, name = deployed.where.partition(" ")[2].split("/")
        if len(deployed.replicas) != 1:
            raise PodsNotReachedError(f"{len(deployed.replicas)} engines stand behind one Service; a rehearsal in pods measures one")
        with ExitStack() as stack:
            stack.enter_context(alone(steps.say))
            stack.enter_context(self._let_in(namespace))
            with steps.step("engines") as step:
                pod = self._pod(namespace, labels.ROLE_ENGINE)
                place = f"{namespace}/{pod.metadata.name}"
                engine = PodEngine(self._url(namespace, name), place, self._process(pod), _started_in_s(pod), lambda: self._process(pod))
                cores = _cores(engine)
                step.note(f"pod {engine.pod} on core {', '.join(map(str, sorted(cores.engines[0])))} of the node")
            stack.enter_context(kept_to(cores.generator, root))
            stack.enter_context(pinned(cores.generator))
            yield [engine], cores

    def gateway(self, deployed: DeployedGateway, steps: Steps) -> RunningGateway:
        """Return the gateway behind its Service.

        Raises:
            PodsNotReachedError: its pod is gone.
        """
        from stacks.components import places
        from stacks.components.workloads.gateway import NAME
        from stacks.environment.gateway import TENANT
        from stacks.graph import labels

        with steps.step("gateway") as step:
            pod = self._pod(places.AI, labels.ROLE_GATEWAY)
            folder = self.cluster.pod_folder(pod.metadata.uid) / "volumes" / "kubernetes.io~empty-dir" / "ledger"
            step.note(f"Service {places.AI}/{NAME} serves {', '.join(deployed.configuration.routes)}")
            ledger = folder / Path(str(deployed.document["ledger"])).name
            # The deployed configuration has no tenant for calibration; its own tenant asks those few questions, too.
            keys = {TENANT: self.key, CALIBRATION: self.key}
            return RunningGateway(deployed, self._url(places.AI, NAME), keys, ledger, self._emulator())

    @contextmanager
    def _let_in(self, namespace: str) -> Iterator[None]:
        from kubernetes import client

        from stacks.graph import labels

        host = urlsplit(str(self.cluster.status().server)).hostname
        roles = {"key": labels.ROLE, "operator": "In", "values": [labels.ROLE_ENGINE, labels.ROLE_GATEWAY, labels.ROLE_EMULATOR]}
        policy: Any = {
            "metadata": {"name": _POLICY},
            "spec": {
                "podSelector": {"matchExpressions": [roles]},
                "policyTypes": ["Ingress"],
                "ingress": [{"from": [{"ipBlock": {"cidr": f"{host}/32"}}]}],
            },
        }
        api = client.NetworkingV1Api(self._api())
        with suppress(client.ApiException):  # one that a killed rehearsal left behind
            api.delete_namespaced_network_policy(_POLICY, namespace, _request_timeout=_TIMEOUT_S)
        api.create_namespaced_network_policy(namespace, policy, _request_timeout=_TIMEOUT_S)
        try:
            yield
        finally:
            with suppress(client.ApiException):
                api.delete_namespaced_network_policy(_POLICY, namespace, _request_timeout=_TIMEOUT_S)

    def _emulator(self) -> str | None:
        from kubernetes import client

        from stacks.components import places
        from stacks.components.workloads.emulator import NAME

        try:
            return self._url(places.AI, NAME)
        except client.ApiException as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise

    def _url(self, namespace: str, service: str) -> str:
        from kubernetes import client

        spec: Any = client.CoreV1Api(self._api()).read_namespaced_service(service, namespace, _request_timeout=_TIMEOUT_S).spec
        host, port = str(spec.cluster_ip), int(spec.ports[0].port)
        _wait_until_let_in(host, port)
        return f"http://{host}:{port}"

    def _pod(self, namespace: str, role: str) -> Any:
        from kubernetes import client

        from stacks.graph import labels

        found: Any = client.CoreV1Api(self._api()).list_namespaced_pod(
            namespace, label_selector=f"{labels.ROLE}={role}", _request_timeout=_TIMEOUT_S
        )
        ready = [pod for pod in found.items if all(status.ready for status in pod.status.container_statuses or ()) and pod.status.pod_ip]
        if len(ready) != 1:
            raise PodsNotReachedError(f"{len(ready)} pods of role {role} are ready in {namespace}, and the load goes to one")
        return ready[0]

    def _process(self, pod: Any) -> int:
        own = [process.pid for process in self.cluster.processes_of(f"pod{pod.metadata.uid}") if process.name() != _SANDBOX]
        if not own:
            raise PodsNotReachedError(f"pod {pod.metadata.namespace}/{pod.metadata.name} has no process on this machine")
        return own[0]  # the container's first; those that it starts come later

    def _api(self) -> Any:
        from stacks.clusters.kubeconfig.connection import connect

        return connect(self.cluster.kubeconfigs, self.cluster.context)


def _wait_until_let_in(host: str, port: int) -> None:
    why: OSError | None = None
    for _ in attempts(_LET_IN_WITHIN_S, _POLL_S):
        try:
            socket.create_connection((host, port), timeout=_CONNECTED_S).close()
        except OSError as error:
            why = error
        else:
            return
    raise PodsNotReachedError(
        f"{host}:{port} cannot be reached from this machine, though a policy lets it in for {_LET_IN_WITHIN_S:g} s ({why})"
    ) from why


def _started_in_s(pod: Any) -> float:
    (ready,) = (one.last_transition_time for one in pod.status.conditions if one.type == "Ready")
    started = [status.state.running.started_at for status in pod.status.container_statuses]
    return max(0.0, float((ready - max(started)).total_seconds())) + _SEEN_S


def _cores(engine: PodEngine) -> Cores:
    its = frozenset(os.sched_getaffinity(engine.pid))
    others = frozenset(os.sched_getaffinity(0)) - its
    if not others:
        raise EnginesDoNotFitError(
            f"the engine of pod {engine.pod} may use every core; give it whole CPUs, as requests and limits, and leave one to the others"
        )
    return Cores((its,), others)
