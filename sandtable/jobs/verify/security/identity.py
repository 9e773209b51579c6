"""Workload identity, seen from outside: the certificate that a server shows is its pod's own SVID, of the trust domain, and short-lived.

Such a certificate is the end of the whole chain: SPIRE's server issued it to a pod that an agent, itself attested, has attested by what the
kubelet says, and the pod fetched it through the CSI driver's socket. (SPIFFE, "X509-SVID", sections 2 and 4.)
"""

from __future__ import annotations

import datetime as dt
import socket
import ssl
from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from sandtable.jobs.verify.check import Check, CheckFailedError, NotHereError, require
from stacks.components import places
from stacks.components.network import COORDINATION_PORT, SECRETS_PORT
from stacks.components.security.spire.server import BUNDLE, BUNDLE_FILE

if TYPE_CHECKING:
    from sandtable.jobs.verify.ground import Ground, Pod

#: Name of the program that shows its SVID -> the port at which it does.
_SERVERS: Final = {"vault": SECRETS_PORT, "coordination": COORDINATION_PORT}
#: These ask their clients for an SVID, too.
_MUTUAL: Final = frozenset({"coordination"})
_SKEW: Final = dt.timedelta(minutes=5)


def identities(ground: Ground) -> str:
    """Look at the certificate of each server that has one from SPIRE."""
    trusted, pods = authorities(ground), _pods(ground)
    longest = dt.timedelta(hours=ground.environment.identity.svid_ttl_h) + _SKEW
    for pod, port in pods:
        shown = shown_by(ground, pod, port, trusted)
        names = shown.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        found, own = names.get_values_for_type(x509.UniformResourceIdentifier), _own_identity(ground, pod)
        require(found == [own], f"{pod.name} shows {', '.join(found) or 'no identity'} in place of {own}")
        lasts = shown.not_valid_after_utc - shown.not_valid_before_utc
        require(lasts <= longest, f"{pod.name}'s certificate lasts {lasts}, longer than {longest}")
    try:
        shown_by(ground, *pods[0], stranger())
    except ssl.SSLCertVerificationError:
        return (
            f"{len(pods)} servers show the SVID of their own pod, good for at most {longest - _SKEW}; another authority does not verify it"
        )
    raise CheckFailedError("an authority that has nothing to do with it verifies a certificate")


def mutual(ground: Ground) -> str:
    """Come without a certificate where one is asked for."""
    pods = [(pod, port) for pod, port in _pods(ground) if pod.labels.get("app.kubernetes.io/name") in _MUTUAL]
    if not pods:
        raise NotHereError("no server that asks its clients for an identity really runs")
    context = _context(authorities(ground))
    for pod, port in pods:
        with ground.node.network_of(pod.uid) as network, closing(network.open(pod.address, port)) as plain:
            require(not _answers(context, plain), f"{pod.name} answers a client without a certificate")
    unready = [pod.name for pod, _ in pods if not pod.ready]
    require(not unready, f"members that have no leader: {', '.join(unready)}")
    return f"{len(pods)} members reach each other by mutual TLS; a client without a certificate is refused by each"


def authorities(ground: Ground) -> str:
    """Return the certificates of the trust domain, in PEM, as SPIRE publishes them.

    Raises:
        NotHereError: it has not published any.
    """
    bundle = ground.config_files(BUNDLE, places.SPIRE_SYSTEM).get(BUNDLE_FILE)
    if not bundle:
        raise NotHereError("SPIRE has published no trust bundle")
    return bundle


def shown_by(ground: Ground, pod: Pod, port: int, trusted: str) -> x509.Certificate:
    """Return the certificate that a server shows, verified by the authorities ``trusted``.

    Raises:
        ssl.SSLCertVerificationError: they have not issued it.
        OSError: nobody listens.
    """
    with (
        ground.node.network_of(pod.uid) as network,
        closing(network.open(pod.address, port)) as plain,
        _context(trusted).wrap_socket(plain) as connection,
    ):
        return x509.load_der_x509_certificate(connection.getpeercert(binary_form=True) or b"")


def stranger() -> str:
    """Return the certificate of an authority that nobody knows, in PEM."""
    key, now = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(dt.UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sandtable-verify")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - _SKEW, now + _SKEW)
    made = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).sign(key, hashes.SHA256())
    return made.public_bytes(Encoding.PEM).decode()


def issued_by(lower: x509.Certificate, upper: x509.Certificate) -> bool:
    """Whether ``upper`` has signed ``lower``."""
    try:
        lower.verify_directly_issued_by(upper)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _context(trusted: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=trusted)
    context.check_hostname = False  # who it is, is in its SPIFFE ID
    return context


def _answers(context: ssl.SSLContext, plain: socket.socket) -> bool:
    """Whether a server goes on after a handshake without our certificate; with TLS 1.3 its refusal comes with the first answer."""
    try:
        with context.wrap_socket(plain) as connection:
            connection.sendall(b"GET /readyz HTTP/1.1\r\nHost: verify\r\nConnection: close\r\n\r\n")
            return bool(connection.recv(1))
    except OSError:
        return False


def _pods(ground: Ground) -> list[tuple[Pod, int]]:
    found = [(pod, _SERVERS.get(pod.labels.get("app.kubernetes.io/name", ""))) for pod in ground.real_pods]
    pods = [(pod, port) for pod, port in found if port in pod.ports]
    if not pods:
        raise NotHereError("no server with an identity of SPIRE really runs")
    return [(pod, port) for pod, port in pods if port is not None]


def _own_identity(ground: Ground, pod: Pod) -> str:
    account = pod.document["spec"]["serviceAccountName"]
    return f"spiffe://{ground.environment.identity.trust_domain}/ns/{pod.namespace}/sa/{account}"


def checks() -> Iterator[Check]:
    """Yield the checks of identity."""
    yield Check(
        "identities",
        "SPIRE",
        "each server shows the short-lived SVID of its own pod, issued by the trust domain",
        "another authority does not verify it",
        identities,
        needs_pods=True,
    )
    yield Check(
        "mutual-tls",
        "SPIRE",
        "workloads reach each other by mutual TLS",
        "a client without a certificate is refused",
        mutual,
        needs_pods=True,
    )
