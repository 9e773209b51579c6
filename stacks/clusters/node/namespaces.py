"""The network and mount namespaces of one node, and its link to this machine.

Rule 1: a holder, a process that sleeps, keeps the namespaces. When the last process of the node ends, the kernel removes them with every
mount and with both ends of the link: nothing has to be undone.
Rule 2: nothing that the node mounts is seen outside, and it changes no setting of the kernel: where the kubelet looks for one that it
would change, a file with the expected value is mounted.
"""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from stacks.clusters.embedded.processes import Processes, Server
from stacks.clusters.node.cgroups import ControlGroup
from stacks.clusters.node.subnet import Subnet
from stacks.errors import ClusterError

HOLDER: Final = "namespaces"
_LINK: Final = "eth0"
#: Joins control groups by writing to the files of the first argument, then becomes the rest.
_JOIN: Final = 'for entry in $1; do echo $$ > "$entry" || exit 1; done; shift; exec "$@"'
#: Where the node's servers expect their data, as folders of the node's own. Made on this machine where they are missing, and left empty.
PLACES: Final = {
    "/var/lib/containerd": "containerd",
    "/var/lib/kubelet": "kubelet",
    "/var/log/pods": "pods",
    "/var/log/containers": "logs",
    # What our pods mount from their node: SPIRE's agent has its state and its socket there.
    "/var/lib/spire": "spire",
    "/run/spire": "spire-sockets",
}
#: Kept in memory, because a restart of the machine must leave them empty: containerd's state, and the files that name pods' networks.
STATES: Final = ("/run/containerd", "/run/netns")
#: What the kubelet wants of the kernel (pkg/kubelet/cm, setupKernelTunables). These are the whole machine's, and not ours to change.
_TUNABLES: Final = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}


class Namespaces:
    """The namespaces of the node with ``folder``, kept by a process of ``processes``."""

    def __init__(self, folder: Path, processes: Processes, group: ControlGroup) -> None:
        self._folder, self._processes, self._group = folder, processes, group

    @property
    def ready(self) -> bool:
        """Whether they exist and are complete."""
        return self._processes.alive(HOLDER) and self._complete.exists() and self._complete.read_text(encoding="utf-8") == str(self._pid())

    def inside(self) -> list[str]:
        """Return the launcher that runs a command as one of the node's servers, in its control group and namespaces."""
        return [*self.beside(), *self._entering()]

    def beside(self) -> list[str]:
        """Return the launcher that runs a command in the node's control group alone."""
        return [_program("sh"), "-c", _JOIN, "sh", " ".join(map(str, self._group.entries))]

    def make(self, subnet: Subnet) -> None:
        """Create them, with the link, the mounts and the routes. Nothing of an earlier attempt may be alive.

        Raises:
            ClusterError: a step failed; the text has its command and its message.
        """
        self._complete.unlink(missing_ok=True)
        unshare = [_program("unshare"), "--net", "--mount", "--propagation", "private", "--"]
        self._processes.start(Server(HOLDER, [_program("sleep"), "infinity"], through=[*self.beside(), *unshare]))
        if not self._processes.alive(HOLDER):
            raise ClusterError(f"the namespaces of the node cannot be created:\n{self._processes.last_words(HOLDER)}")
        self._connect(subnet)
        for steps in (self._mounts(), _network(subnet)):
            _run([*self._entering(), _program("sh"), "-euc", "\n".join(steps)])
        self._complete.write_text(str(self._pid()), encoding="utf-8")

    def _connect(self, subnet: Subnet) -> None:
        ip, device = _program("ip"), subnet.device
        _run([ip, "link", "add", device, "type", "veth", "peer", "name", _LINK, "netns", str(self._pid())])
        _run([ip, "address", "add", f"{subnet.host}/30", "dev", device])
        _run([ip, "link", "set", device, "up"])
        for network in (subnet.pods, subnet.services):
            _run([ip, "route", "add", network, "via", subnet.node, "dev", device])

    def _mounts(self) -> Iterable[str]:
        # Shared among the node's own namespaces, so that what a CSI driver mounts is seen by the kubelet; never by this machine.
        yield "mount --make-rshared /"
        for place, name in PLACES.items():
            source = self._folder / name
            source.mkdir(mode=0o711, parents=True, exist_ok=True)
            Path(place).mkdir(parents=True, exist_ok=True)
            yield f"mount --bind {shlex.quote(str(source))} {place}"
        for place in STATES:
            Path(place).mkdir(parents=True, exist_ok=True)
            yield f"mount -t tmpfs -o mode=711 tmpfs {place}"
        for name, value in _TUNABLES.items():
            stand_in = self._folder / "tunables" / name.replace("/", ".")
            stand_in.parent.mkdir(exist_ok=True)
            stand_in.write_text(f"{value}\n", encoding="ascii")
            yield f"[ ! -e /proc/sys/{name} ] || mount --bind {shlex.quote(str(stand_in))} /proc/sys/{name}"

    def _entering(self) -> list[str]:
        return [_program("nsenter"), "--target", str(self._pid()), "--net", "--mount", "--"]

    def _pid(self) -> int:
        return self._processes.pid(HOLDER)

    @property
    def _complete(self) -> Path:
        return self._folder / "namespaces-complete"


def routed_networks() -> list[str]:
    """Return the networks that this machine has a route to, except the default one."""
    answer = subprocess.run([_program("ip"), "-json", "-4", "route", "show", "table", "all"], capture_output=True, text=True, check=False)
    routes = json.loads(answer.stdout or "[]") if answer.returncode == 0 else []
    return [route["dst"] for route in routes if route.get("dst") not in (None, "default")]


def remove_link(subnet: Subnet) -> None:
    """Remove the link if it is still there: the kernel takes it away a moment after the last process of the node."""
    subprocess.run([_program("ip"), "link", "delete", subnet.device], capture_output=True, check=False)


def _network(subnet: Subnet) -> Iterable[str]:
    yield "ip link set lo up"
    yield f"ip address add {subnet.node}/30 dev {_LINK}"
    yield f"ip link set {_LINK} up"
    yield f"ip route add default via {subnet.host}"
    yield "echo 1 > /proc/sys/net/ipv4/ip_forward"


def _run(command: list[str]) -> None:
    ended = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if ended.returncode:
        raise ClusterError(f"the node's namespaces cannot be set up: `{' '.join(command[-6:])}` failed: {ended.stderr.strip()[-400:]}")


def _program(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin:/usr/bin:/bin")
    if found is None:
        raise ClusterError(
            f"a real node needs `{name}`, and there is none; install it with the system's packages (util-linux, iproute2, coreutils)"
        )
    return found
