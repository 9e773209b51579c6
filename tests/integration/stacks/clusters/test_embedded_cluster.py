"""What a start does when something goes wrong, with processes that only sleep in the place of the servers."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import psutil
import pytest

from foundation.processes import detached
from foundation.processes.free_port import LOOPBACK
from stacks.clusters.embedded import EmbeddedCluster
from stacks.clusters.embedded import cluster as module
from stacks.clusters.embedded.ports import Ports
from stacks.clusters.embedded.processes import Processes, Server
from stacks.clusters.embedded.servers import KINDS
from stacks.clusters.embedded.site import Site
from stacks.errors import ClusterError
from toolchain import ToolMissingError

SLEEP = ("/bin/sleep", "600")
Fleet = dict[str, tuple[str, ...]]


class Answers:
    """Every server answers at once that all is well; ``says`` can be exchanged."""

    says: Callable[[], bool] = staticmethod(lambda: True)

    def __init__(self, *_: Any, **__: Any) -> None: ...

    @classmethod
    def unverified(cls, *_: Any) -> Self:
        return cls()

    def ok(self, _path: str) -> bool:
        return type(self).says()

    get = apply = remove = ok


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> type[Answers]:
    kind = type("OwnAnswers", (Answers,), {})
    monkeypatch.setattr(module, "Connection", kind)
    return kind


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch, answers: type[Answers]) -> Fleet:
    """Commands of the servers, by name; a test may exchange some."""
    commands = dict.fromkeys(KINDS, SLEEP)
    monkeypatch.setattr(module, "servers", lambda _folder, _ports, _site: [Server(name, commands[name]) for name in KINDS])
    monkeypatch.setattr(module, "_POLL_S", 0)
    return commands


@pytest.fixture
def cluster(tmp_path: Path, fleet: Fleet) -> Iterator[EmbeddedCluster]:
    made = EmbeddedCluster("dev", tmp_path / "clusters" / "dev")
    yield made
    made.delete()


def running(cluster: EmbeddedCluster) -> list[str]:
    processes = Processes(cluster.log_folder)
    return [name for name in KINDS if processes.alive(name)]


def at_work(cluster: EmbeddedCluster) -> list[psutil.Process]:
    """Our own processes of the cluster, also those whose pid nobody wrote down."""
    found = []
    for child in psutil.Process().children():
        with suppress(psutil.ZombieProcess):
            if child.environ().get("HOME") == str(cluster.log_folder):
                found.append(child)
    return found


def end(cluster: EmbeddedCluster, *names: str) -> None:
    Processes(cluster.log_folder).stop(names, 5)


def shell(text: str) -> tuple[str, ...]:
    return ("/bin/sh", "-c", text)


def test_a_start_starts_all_and_a_second_one_none(cluster: EmbeddedCluster) -> None:
    assert not cluster.status().running
    cluster.start()
    assert running(cluster) == list(KINDS)
    assert cluster.status().running
    records = {path.name: path.read_bytes() for path in cluster.log_folder.glob("*.pid")}
    cluster.start()
    assert {path.name: path.read_bytes() for path in cluster.log_folder.glob("*.pid")} == records


def test_only_what_has_died_is_started_again(cluster: EmbeddedCluster) -> None:
    cluster.start()
    end(cluster, "kube-scheduler")
    status = cluster.status()
    assert not status.running
    assert status.note == "not running: kube-scheduler; `sandtable cluster start dev` restarts them"
    records = {path.name: path.read_bytes() for path in cluster.log_folder.glob("*.pid")}
    cluster.start()
    assert records.items() <= {path.name: path.read_bytes() for path in cluster.log_folder.glob("*.pid")}.items()
    assert cluster.status().running


def test_one_that_dies_while_it_starts_is_named_with_its_last_words(cluster: EmbeddedCluster, fleet: Fleet, answers: type[Answers]) -> None:
    fleet["kube-apiserver"] = shell("echo 'no such flag: --colour' >&2; exit 1")
    answers.says = staticmethod(lambda: False)
    with pytest.raises(ClusterError) as raised:
        cluster.start()
    text = str(raised.value)
    assert text.startswith("kube-apiserver of cluster dev ended while it was starting")
    assert str(cluster.log_folder / "kube-apiserver.log") in text
    assert "no such flag: --colour" in text
    assert running(cluster) == [], "etcd, which it had started, is ended"


def test_a_start_that_fails_leaves_alone_what_ran_before(cluster: EmbeddedCluster, fleet: Fleet, answers: type[Answers]) -> None:
    cluster.start()
    end(cluster, "kube-scheduler", "kwok")
    fleet["kube-scheduler"] = shell("exit 1")
    answers.says = staticmethod(lambda: not (cluster.log_folder / "kube-scheduler.pid").exists())
    with pytest.raises(ClusterError, match="kube-scheduler of cluster dev ended"):
        cluster.start()
    assert running(cluster) == ["etcd", "kube-apiserver", "kube-controller-manager"]


@pytest.mark.parametrize("raised", [KeyboardInterrupt, SystemExit])
def test_an_interrupted_start_ends_what_it_started(cluster: EmbeddedCluster, answers: type[Answers], raised: type[BaseException]) -> None:
    def interrupt() -> bool:
        assert running(cluster) == ["etcd", "kube-apiserver"]
        raise raised

    answers.says = staticmethod(interrupt)
    with pytest.raises(raised):
        cluster.start()
    assert running(cluster) == []


def test_ctrl_c_in_the_instant_of_a_birth_ends_what_was_born(cluster: EmbeddedCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detached, "_wait_for_birth", lambda *_: signal.raise_signal(signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        cluster.start()
    assert at_work(cluster) == []


def test_one_that_is_never_ready_is_given_up_with_the_way_out(
    cluster: EmbeddedCluster, answers: type[Answers], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_READY_WITHIN_S", 0.0)
    answers.says = staticmethod(lambda: False)
    with pytest.raises(ClusterError, match=r"without success; the logs are in .*`sandtable cluster delete dev`"):
        cluster.start()
    assert running(cluster) == []


class TestPorts:
    def test_a_port_taken_after_the_choice_gives_all_new_ones(
        self, cluster: EmbeddedCluster, fleet: Fleet, answers: type[Answers], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        chosen = []

        def servers(_folder: Path, ports: Ports, _site: Site) -> list[Server]:
            chosen.append(ports)
            command = shell("echo 'bind: address already in use'; exit 1") if len(chosen) == 1 else SLEEP
            return [Server(name, command if name == "etcd" else SLEEP) for name in KINDS]

        monkeypatch.setattr(module, "servers", servers)
        answers.says = staticmethod(lambda: len(chosen) > 1)
        cluster.start()
        assert len(chosen) == 2
        assert chosen[0] != chosen[1] == Ports.read(cluster.folder / "ports.json")
        assert running(cluster) == list(KINDS)

    def test_somebody_who_is_always_faster_is_told_of(self, cluster: EmbeddedCluster, fleet: Fleet, answers: type[Answers]) -> None:
        fleet["etcd"] = shell("echo 'listen tcp: bind: address already in use'; exit 1")
        answers.says = staticmethod(lambda: False)
        with pytest.raises(ClusterError, match="address already in use"):
            cluster.start()
        assert running(cluster) == []

    def test_a_port_taken_while_it_was_stopped(self, cluster: EmbeddedCluster, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("stacks.clusters.embedded.ports._CLOSES_WITHIN_S", 0.0)
        cluster.start()
        before = Ports.read(cluster.folder / "ports.json")
        assert before
        cluster.stop()
        with socket.create_server((LOOPBACK, before.scheduler)):
            cluster.start()
        after = Ports.read(cluster.folder / "ports.json")
        assert after
        assert after.scheduler != before.scheduler
        assert f":{after.api}" in cluster.kubeconfig.read_text()


class TestLock:
    def test_another_start_is_waited_for_and_then_named(self, cluster: EmbeddedCluster, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "_LOCK_WITHIN_S", 0.0)
        cluster.folder.mkdir(parents=True)
        with cluster.folder.with_name(".dev.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for command in (cluster.start, cluster.stop, cluster.delete):
                with pytest.raises(ClusterError, match="another process has been starting or stopping cluster dev"):
                    command()
        cluster.start()
        assert running(cluster) == list(KINDS)

    def test_a_deletion_that_was_waited_for_does_not_break_the_start(
        self, cluster: EmbeddedCluster, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The folder is gone when the lock is given up."""
        real = fcntl.flock

        def flock(file: Any, operation: int) -> None:
            real(file, operation)
            monkeypatch.setattr(fcntl, "flock", real)
            shutil.rmtree(cluster.folder)

        monkeypatch.setattr(fcntl, "flock", flock)
        cluster.start()
        assert running(cluster) == list(KINDS)


class TestDisk:
    def test_a_nearly_full_one_is_told_before_anything_is_started(self, cluster: EmbeddedCluster, monkeypatch: pytest.MonkeyPatch) -> None:
        usage = shutil.disk_usage("/")._replace(free=100 << 20)
        monkeypatch.setattr(module.shutil, "disk_usage", lambda _folder: usage)
        with pytest.raises(ClusterError, match=r"only 100 MiB are free .* 256 MiB are needed.*--root"):
            cluster.start()
        assert running(cluster) == []

    @pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
    def test_one_that_cannot_be_written_is_named_with_the_fix(
        self, cluster: EmbeddedCluster, monkeypatch: pytest.MonkeyPatch, number: int
    ) -> None:
        def fail(_folder: Path, _site: Site) -> None:
            raise OSError(number, os.strerror(number), str(cluster.folder / "pki" / "ca.key"))

        monkeypatch.setattr(module, "make_certificates", fail)
        with pytest.raises(ClusterError) as raised:
            cluster.start()
        assert f"{cluster.folder}/pki/ca.key cannot be written: {os.strerror(number)}" in str(raised.value)
        assert "--root" in str(raised.value)

    def test_other_faults_are_not_taken_for_the_disk(self, cluster: EmbeddedCluster, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(_folder: Path, _site: Site) -> None:
            raise ConnectionResetError(errno.ECONNRESET, "reset")

        monkeypatch.setattr(module, "make_certificates", fail)
        with pytest.raises(ConnectionResetError):
            cluster.start()


def test_without_servers_the_fix_is_told_and_nothing_runs(cluster: EmbeddedCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_folder: Path, _ports: Ports, _site: Site) -> list[Server]:
        raise ToolMissingError("kwok", "not in the cache", "sandtable doctor --install")

    monkeypatch.setattr(module, "servers", missing)
    with pytest.raises(ToolMissingError, match="kwok"):
        cluster.start()
    assert running(cluster) == []


def test_what_was_never_started_can_be_stopped_and_deleted(cluster: EmbeddedCluster) -> None:
    cluster.stop()
    cluster.delete()
    assert not cluster.folder.parent.exists()


def test_delete_removes_the_data_and_the_next_start_makes_a_new_cluster(cluster: EmbeddedCluster) -> None:
    cluster.start()
    authority = (cluster.folder / "pki" / "ca.crt").read_bytes()
    cluster.delete()
    assert not cluster.folder.exists()
    assert running(cluster) == []
    cluster.start()
    assert (cluster.folder / "pki" / "ca.crt").read_bytes() != authority
