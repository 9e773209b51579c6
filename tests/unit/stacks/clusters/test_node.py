"""The parts of a real node that need none: its addresses, its image, its control group, its volumes, its configuration."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from stacks.clusters.embedded import EmbeddedCluster
from stacks.clusters.embedded.site import RealNode
from stacks.clusters.node import NodeCluster, configuration, requirements
from stacks.clusters.node.cgroups import ControlGroup
from stacks.clusters.node.objects import VOLUMES, volumes
from stacks.clusters.node.subnet import Subnet, choose, read
from stacks.errors import ClusterError
from toolchain import Tool

NODE = RealNode("laptop-0", "10.130.0.2")


class TestSubnet:
    @given(st.text(), st.lists(st.integers(0, 63).map(lambda number: f"10.{128 + number}.7.0/24"), max_size=60))
    def test_a_subnet_is_apart_from_every_route(self, seed: str, taken: list[str]) -> None:
        found = choose(seed, taken)
        assert not any(found.network.overlaps(ipaddress.IPv4Network(network)) for network in taken)
        parts = [ipaddress.IPv4Network(part, strict=False) for part in (f"{found.host}/30", found.pods, found.services)]
        assert all(part.subnet_of(found.network) for part in parts)
        assert not any(one.overlaps(other) for one in parts for other in parts if one is not other)
        assert ipaddress.IPv4Address(found.dns) in parts[2]
        assert len(found.device) <= 15

    def test_the_same_seed_gives_the_same_until_it_is_taken(self) -> None:
        first = choose("a", [])
        assert choose("a", []) == first
        assert choose("a", [str(first.network)]) != first

    def test_it_is_kept(self, tmp_path: Path) -> None:
        subnet = choose("a", [])
        assert read(tmp_path / "subnet.json") is None
        subnet.write(tmp_path / "subnet.json")
        assert read(tmp_path / "subnet.json") == subnet

    def test_a_machine_without_room_says_so(self) -> None:
        with pytest.raises(ClusterError, match="routes to all 64 networks"):
            choose("a", ["10.0.0.0/8"])

    def test_one_that_is_routed_elsewhere_now_is_refused_with_the_ways_out(self) -> None:
        subnet = Subnet(ipaddress.IPv4Network("10.130.0.0/16"), "00000000")
        subnet.refuse(["192.168.0.0/16", "10.131.0.0/16"], "dev")
        with pytest.raises(ClusterError, match=r"route to 10\.0\.0\.0/8; remove that route, .* cluster delete dev"):
            subnet.refuse(["10.0.0.0/8"], "dev")


class TestControlGroup:
    def test_version_1_is_one_group_a_hierarchy_and_weighs_as_much_as_the_cores(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("os.cpu_count", lambda: 3)
        for hierarchy in ("cpu", "cpuset"):
            (tmp_path / hierarchy).mkdir()
            (tmp_path / hierarchy / "cgroup.procs").touch()
        (tmp_path / "notes").mkdir()
        (tmp_path / "cpuset" / "cpuset.cpus").write_text("0-2\n")
        (tmp_path / "cpu" / "node").mkdir()
        (tmp_path / "cpu" / "node" / "cpu.shares").write_text("1024\n")
        group = ControlGroup("node", tmp_path)
        group.make()
        assert group.entries == [tmp_path / name / "node" / "servers" / "cgroup.procs" for name in ("cpu", "cpuset")]
        assert (tmp_path / "cpu" / "node" / "cpu.shares").read_text() == "3072"
        assert group.path == "/node"
        assert group.members() == []

    def test_version_2_hands_its_controllers_down(self, tmp_path: Path) -> None:
        for folder in (tmp_path, tmp_path / "node"):
            folder.mkdir(exist_ok=True)
            (folder / "cgroup.controllers").write_text("cpu\n")
        (tmp_path / "node" / "cpu.weight").touch()
        group = ControlGroup("node", tmp_path)
        group.make()
        assert group.entries == [tmp_path / "node" / "servers" / "cgroup.procs"]
        assert (tmp_path / "node" / "cgroup.subtree_control").read_text() == "+cpu"
        assert int((tmp_path / "node" / "cpu.weight").read_text()) >= 100

    def test_one_that_cannot_be_made_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "cgroup.controllers").write_text("cpu\n")
        (tmp_path / "node").touch()
        with pytest.raises(ClusterError, match=r"control groups of its own, and .*node.* cannot be written"):
            ControlGroup("node", tmp_path).make()


class TestVolumes:
    @staticmethod
    def made(known: dict[str, str]) -> list[str]:
        return [document["metadata"]["name"] for _, document in volumes(NODE, Path("/data"), known)]

    def test_a_start_makes_up_for_those_that_are_in_use(self) -> None:
        first = self.made({})
        assert len(first) == VOLUMES
        phases = dict.fromkeys(first, "Available")
        assert self.made(phases) == []
        more = self.made(phases | {first[0]: "Bound", first[1]: "Released"})
        assert len(more) == 2
        assert not set(more) & set(first)

    def test_a_start_of_a_cluster_that_runs_makes_up_for_them_too(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        cluster, made = NodeCluster("lab", tmp_path / "lab", node_name="laptop-0", labels={}), []
        monkeypatch.setattr(requirements, "check", lambda *_: {})
        monkeypatch.setattr(NodeCluster, "_healthy", lambda *_: True)
        monkeypatch.setattr(EmbeddedCluster, "api", lambda _self: None)
        monkeypatch.setattr(NodeCluster, "_add_volumes", lambda _self, _api, node: made.append(node))
        cluster.folder.mkdir()
        choose("lab", []).write(cluster.folder / "subnet.json")
        cluster.start()
        assert [node.name for node in made] == ["laptop-0"]

    def test_each_is_a_folder_of_its_node(self) -> None:
        folder, document = next(volumes(NODE, Path("/data"), {}))
        assert document["spec"]["local"] == {"path": str(folder)}
        terms = document["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"]
        assert terms == [{"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": ["laptop-0"]}]}]


def test_the_configuration_is_written_the_same_each_time(tmp_path: Path) -> None:
    def written() -> dict[str, bytes]:
        images = tmp_path / "images"
        configuration.write_all(tmp_path, tmp_path / "pki", choose("a", []), runc=Path("/usr/sbin/runc"), cgroup="/node", images=images)
        return {str(path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    assert written() == written()
    kubelet: dict[str, Any] = yaml.safe_load((tmp_path / "etc" / "kubelet.yaml").read_text())
    assert (kubelet["cgroupRoot"], kubelet["failCgroupV1"], kubelet["readOnlyPort"]) == ("/node", False, 0)
    assert kubelet["authentication"]["anonymous"] == {"enabled": False}


def test_somebody_else_than_root_is_told_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(ClusterError, match=r"^cluster dev: a real node needs root, .*; use sudo, or set `cluster.provider: embedded`"):
        requirements.check_rights("dev")


def test_a_kernel_without_nftables_is_told_with_its_own_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    tool = Tool("any", Path("/bin/any"), "1", "path", "MIT")
    monkeypatch.setattr(requirements, "check_rights", lambda _name: None)
    monkeypatch.setattr(requirements.toolchain, "Resolver", lambda: SimpleNamespace(resolve=lambda _name: tool))
    ended = SimpleNamespace(returncode=1, stderr="Error: Could not process rule: Operation not supported\nadd table ip sandtable")
    monkeypatch.setattr(requirements.subprocess, "run", lambda *_, **__: ended)
    with pytest.raises(
        ClusterError, match=r"refuses nftables.*\(Error: Could not process rule: Operation not supported\); load the module"
    ):
        requirements.check("dev", Path("/data"))


def test_a_file_system_without_overlays_is_told_with_the_folder_that_is_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ended = SimpleNamespace(returncode=32, stderr="mount: merged: wrong fs type, bad option, bad superblock on overlay.")
    monkeypatch.setattr(requirements.subprocess, "run", lambda *_, **__: ended)
    with pytest.raises(
        ClusterError, match=rf"no overlay can be mounted in {tmp_path}, .*\(mount: merged: wrong fs type.*ext4, XFS or tmpfs"
    ):
        requirements.check_overlays("dev", tmp_path / "clusters" / "dev")
    assert not list(tmp_path.iterdir())
