"""Who and what is refused, and in which words: other groups, wrong certificates, another's folder, too much."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from foundation.errors import NotReadyError
from foundation.processes.free_port import LOOPBACK
from stacks.clusters.embedded.certificates import Authority
from workloads.consensus.client.store import ConsensusCoordination
from workloads.consensus.local import LocalGroup
from workloads.consensus.wal.files import Folder
from workloads.ports.coordination import CoordinationError, RefusedError, UnavailableError

pytestmark = pytest.mark.coordination


def issued(folder: Path, authority: Authority, name: str, ca: Path) -> Path:
    made = folder / name
    made.mkdir(exist_ok=True)
    authority.issue(made, "tls", name, addresses=(LOOPBACK,))
    (made / "ca.crt").write_bytes(ca.read_bytes())
    return made


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    folder = tmp_path_factory.mktemp("certificates")
    authority = Authority.make("ca", folder)
    return lambda name: issued(folder, authority, name, folder / "ca.crt")


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory, certificates: Callable[[str], Path]) -> Iterator[LocalGroup]:
    with LocalGroup(tmp_path_factory.mktemp("secure"), certificates=certificates) as group:
        yield group


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalGroup]:
    with LocalGroup(tmp_path_factory.mktemp("plain")) as group:
        put(group, None)
        yield group


def put(group: LocalGroup, certificates: Path | None, *, cluster: str | None = None, value: str = "1", timeout_s: float = 60.0) -> int:
    async def ask() -> int:
        async with ConsensusCoordination(cluster or group.cluster, group.members, certificates, timeout_s=timeout_s) as store:
            return await store.put("a", value)

    return asyncio.run(ask())


def test_a_group_serves_clients_with_a_certificate_of_its_own(secure: LocalGroup, certificates: Callable[[str], Path]) -> None:
    assert put(secure, certificates("client")) > 0


def test_another_group_is_refused(secure: LocalGroup, certificates: Callable[[str], Path]) -> None:
    with pytest.raises(RefusedError, match="this is group 'local', not 'other'; give the same --cluster everywhere"):
        put(secure, certificates("client"), cluster="other")


def test_certificates_of_another_authority_are_refused_on_both_sides(
    secure: LocalGroup, certificates: Callable[[str], Path], tmp_path: Path
) -> None:
    stranger = Authority.make("ca", tmp_path)
    trusting_none = issued(tmp_path, stranger, "client", tmp_path / "ca.crt")
    with pytest.raises(RefusedError, match="the certificate of this member is not trusted"):
        put(secure, trusting_none)
    trusted_by_none = issued(tmp_path, stranger, "other", certificates("client") / "ca.crt")
    with pytest.raises(CoordinationError):
        put(secure, trusted_by_none, timeout_s=5.0)
    with pytest.raises(CoordinationError):
        put(secure, None, timeout_s=5.0)


def test_a_member_with_anothers_certificate_is_refused(tmp_path: Path, certificates: Callable[[str], Path]) -> None:
    with LocalGroup(tmp_path, certificates=lambda name: certificates("n0" if name == "n2" else name)) as group:
        put(group, certificates("client"))
        log = group.log("n2").read_text()
    assert "refused: the certificate is for n0, " in log
    assert "not for member n2" in log


def test_a_folder_in_use_and_anothers_folder_are_refused(tmp_path: Path) -> None:
    with LocalGroup(tmp_path) as group:
        other = LocalGroup(tmp_path, cluster="other")
        with pytest.raises(NotReadyError, match="another process uses this folder"):
            other.start("n0")
        other.stop()
    with pytest.raises(NotReadyError, match="the log of local/n0, not of other/n0; give this member its own folder with --data"):
        other.start("n0")
    assert group.members != other.members
    other.stop()


def test_a_damaged_folder_is_refused_with_its_file_and_the_remedy(tmp_path: Path) -> None:
    with LocalGroup(tmp_path) as group:
        for _ in range(3):
            put(group, None)
        group.stop("n1")
        files = Folder(group.data("n1") / "log")
        files.write("00000001.wal", 60, b"\xff")
        with pytest.raises(NotReadyError, match=r"n1/log/00000001.wal: the record at byte \d+ is damaged.*Restore the file from a backup"):
            group.start("n1")
        assert put(group, None) > 0


@pytest.mark.parametrize("kind", ["secure", "plain"])
def test_whoever_says_nothing_is_shown_out(request: pytest.FixtureRequest, kind: str) -> None:
    host, _, port = request.getfixturevalue(kind).members["n0"].rpartition(":")
    with socket.create_connection((host, int(port))) as silent:
        silent.settimeout(120)
        with contextlib.suppress(ConnectionResetError):
            assert silent.recv(1) == b""


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (("add", "q"), "q is not in --members, which has n0, n1, n2; give its address there"),
        (("remove", "q"), "q is no member of this group, which has n0, n1, n2"),
        (("transfer", "q"), "q is not another voter"),
    ],
)
def test_an_operator_who_names_a_stranger_is_told(plain: LocalGroup, asked: tuple[str, str], reason: str) -> None:
    assert operate(plain, *asked) == (1, f"coordination: {reason}\n")


def test_a_group_that_is_not_there_is_said_soon(tmp_path: Path) -> None:
    code, said = operate(LocalGroup(tmp_path), "add", "n0")
    assert code == 1
    assert re.match(r"coordination: no member leads \(n0: 127.0.0.1:\d+: .*Connect call failed", said)


def operate(group: LocalGroup, command: str, member: str) -> tuple[int, str]:
    members = ",".join(f"{name}={address}" for name, address in group.members.items())
    arguments = [sys.executable, "-m", "workloads.consensus", command, f"--cluster={group.cluster}", f"--members={members}", member]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=180, check=False)
    return done.returncode, done.stderr


def test_a_folder_that_is_a_file_is_no_failure_of_the_disk(tmp_path: Path) -> None:
    (tmp_path / "n0").write_text("")
    group = LocalGroup(tmp_path)
    with pytest.raises(NotReadyError, match="File exists; give a folder that this member may write to with --data"):
        group.start("n0")
    group.stop()


def test_what_is_too_long_is_refused(secure: LocalGroup, certificates: Callable[[str], Path]) -> None:
    with pytest.raises(RefusedError, match="a value of 1,048,577 bytes; at most 1,048,576 are allowed"):
        put(secure, certificates("client"), value="x" * ((1 << 20) + 1))


def test_without_a_majority_nothing_is_done_and_a_member_is_not_ready(tmp_path: Path) -> None:
    with LocalGroup(tmp_path) as group:
        put(group, None)
        group.kill("n0")
        group.kill("n1")
        with pytest.raises(CoordinationError):
            put(group, None, timeout_s=5.0)
        with pytest.raises(urllib.error.HTTPError, match="503"):
            urllib.request.urlopen(f"http://127.0.0.1:{group.health['n2']}/readyz")
        assert urllib.request.urlopen(f"http://127.0.0.1:{group.health['n2']}/healthz").status == 200
        assert b"coordination_has_leader 0" in urllib.request.urlopen(f"http://127.0.0.1:{group.health['n2']}/metrics").read()
        group.kill("n2")
        with pytest.raises(UnavailableError, match=r"nothing was done within 5 s"):
            put(group, None, timeout_s=5.0)
