"""The checks of identity against TLS servers on loopback, with certificates as SPIRE issues them."""

from __future__ import annotations

import datetime as dt
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from sandtable.jobs.verify.check import CheckFailedError, NotHereError
from sandtable.jobs.verify.ground import Pod
from sandtable.jobs.verify.security import identity
from stacks.clusters.node.pod_network import PodNetwork

NAME = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "example.org")])
OWN = "spiffe://example.org/ns/data/sa/coordination"


class Authority:
    """A CA with one certificate for a server."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        root = self._build(NAME, self.key, hours=24).add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        self.pem = root.sign(self.key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()

    def _build(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, hours: float) -> x509.CertificateBuilder:
        begin = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=1)
        until = begin + dt.timedelta(hours=hours)
        return x509.CertificateBuilder(NAME, subject, key.public_key(), x509.random_serial_number(), begin, until)

    def context(self, spiffe_id: str, hours: float, *, mutual: bool) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(spiffe_id)])
        leaf = self._build(x509.Name([]), key, hours).add_extension(names, critical=False).sign(self.key, hashes.SHA256())
        path = self.folder / "svid.pem"
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path.write_bytes(private + leaf.public_bytes(Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        if mutual:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(cadata=self.pem)
        return context


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Return a maker of a ground with one coordination member, which shows ``spiffe_id`` for ``hours``."""
    ended = threading.Event()
    threads: list[threading.Thread] = []
    authority = Authority(tmp_path)

    def make(spiffe_id: str = OWN, hours: float = 1.0, *, mutual: bool = True, program: str = "coordination") -> Any:
        context = authority.context(spiffe_id, hours, mutual=mutual)
        listening = socket.create_server(("127.0.0.1", 0))
        listening.settimeout(0.1)
        port = listening.getsockname()[1]
        threads.append(threading.Thread(target=serve, args=(listening, context, ended)))
        threads[-1].start()
        pod = Pod(
            {
                "metadata": {"name": "coordination-0", "namespace": "data", "uid": "1", "labels": {"app.kubernetes.io/name": program}},
                "spec": {"serviceAccountName": "coordination", "containers": [{"name": "main", "ports": [{"containerPort": port}]}]},
                "status": {"podIP": "127.0.0.1", "conditions": [{"type": "Ready", "status": "True"}]},
            }
        )
        identity._SERVERS["coordination"] = port
        return SimpleNamespace(
            environment=SimpleNamespace(identity=SimpleNamespace(trust_domain="example.org", svid_ttl_h=1)),
            config_files=lambda *_: {"bundle.crt": authority.pem},
            node=SimpleNamespace(network_of=lambda _: PodNetwork(None)),
            real_pods=(pod,),
        )

    known = dict(identity._SERVERS)
    yield make
    ended.set()
    for thread in threads:
        thread.join()
    identity._SERVERS.update(known)


def serve(listening: socket.socket, context: ssl.SSLContext, ended: threading.Event) -> None:
    with listening:
        while not ended.is_set():
            with suppress(OSError):
                plain, _ = listening.accept()
                plain.settimeout(20)
                with closing(plain), context.wrap_socket(plain, server_side=True) as connection:
                    connection.recv(1024)
                    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")


def test_a_server_with_its_own_svid_passes(ground: Callable[..., Any]) -> None:
    assert identity.identities(ground()).startswith("1 servers show the SVID of their own pod")


def test_another_s_identity_and_one_that_lasts_too_long_fail(ground: Callable[..., Any]) -> None:
    with pytest.raises(CheckFailedError, match=r"^coordination-0 shows spiffe:.*/sa/other in place of spiffe:.*/sa/coordination$"):
        identity.identities(ground("spiffe://example.org/ns/data/sa/other"))
    with pytest.raises(CheckFailedError, match="lasts 5:00:00, longer than"):
        identity.identities(ground(hours=5))


def test_a_server_that_asks_for_a_certificate_passes_and_one_that_does_not_fails(ground: Callable[..., Any]) -> None:
    assert "refused by each" in identity.mutual(ground())
    with pytest.raises(CheckFailedError, match="answers a client without a certificate"):
        identity.mutual(ground(mutual=False))


def test_without_such_a_server_there_is_nothing_to_check(ground: Callable[..., Any]) -> None:
    with pytest.raises(NotHereError, match="no server with an identity"):
        identity.identities(ground(program="web"))
