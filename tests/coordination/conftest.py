"""Members in network namespaces of their own, so that links can be cut; needs root."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence

import pytest

SUBNET = "10.213.77"


class Namespaces:
    """A namespace for each member, and one with the bridge that joins them and the host, where the clients are.

    The bridge is not at the host: a firewall there may forward nothing.
    """

    def __init__(self, members: Sequence[str]) -> None:
        key = f"st{os.getpid() % 100_000}"
        self._bridge = f"{key}br"
        self._host = f"{key}h"
        self._names = {name: f"{key}{name}" for name in members}
        self.within: dict[str, tuple[str, Sequence[str]]] = {}

    def make(self) -> None:
        _ip("netns", "add", self._bridge)
        self._at_bridge("link", "add", "switch", "type", "bridge")
        self._at_bridge("link", "set", "switch", "up")
        _ip("link", "add", self._host, "type", "veth", "peer", "name", self._host, "netns", self._bridge)
        self._at_bridge("link", "set", self._host, "master", "switch", "up")
        _ip("address", "add", f"{SUBNET}.1/24", "dev", self._host)
        _ip("link", "set", self._host, "up")
        for number, (member, name) in enumerate(self._names.items(), start=2):
            _ip("netns", "add", name)
            self._at_bridge("link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name)
            self._at_bridge("link", "set", name, "master", "switch", "up")
            inside = ("netns", "exec", name, "ip")
            _ip(*inside, "address", "add", f"{SUBNET}.{number}/24", "dev", "eth0")
            _ip(*inside, "link", "set", "eth0", "up")
            _ip(*inside, "link", "set", "lo", "up")
            self.within[member] = f"{SUBNET}.{number}", ("ip", "netns", "exec", name)

    def cut(self, member: str) -> None:
        self._at_bridge("link", "set", self._names[member], "down")

    def join(self, member: str) -> None:
        self._at_bridge("link", "set", self._names[member], "up")

    def part(self, member: str) -> None:
        """Cut a member off from the other members only, in both directions: clients still reach it."""
        self._between(member, "add")

    def heal(self, member: str) -> None:
        self._between(member, "delete")

    def _between(self, member: str, verb: str) -> None:
        for other in self._names:
            if other != member:
                for here, there in ((member, other), (other, member)):
                    _ip("netns", "exec", self._names[here], "ip", "route", verb, "blackhole", self.within[there][0])

    def _at_bridge(self, *arguments: str) -> None:
        _ip("netns", "exec", self._bridge, "ip", *arguments)

    def remove(self) -> None:
        for name in (*self._names.values(), self._bridge):
            subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)
        subprocess.run(["ip", "link", "delete", self._host], check=False, capture_output=True)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)


@pytest.fixture
def namespaces() -> Iterator[Namespaces]:
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("partitions need root and the program `ip` (Debian: iproute2)")
    made = Namespaces(["n0", "n1", "n2"])
    try:
        made.make()
    except subprocess.CalledProcessError as error:
        made.remove()
        pytest.skip(f"no network namespaces here: {error.stderr.strip()}")
    yield made
    made.remove()
