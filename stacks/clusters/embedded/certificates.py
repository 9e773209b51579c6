"""The cluster's own certificates: one CA for the API and one for etcd, with EC keys, created once and kept with the data.

Follows "PKI certificates and requirements" of the Kubernetes documentation: the API server knows its clients by the common name and
organisation of their certificates.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from foundation.processes.free_port import LOOPBACK
from stacks.clusters.embedded.site import Site

_YEARS: Final = 10
_SERVER_NAMES: Final = ("localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local")


@dataclass(frozen=True)
class Authority:
    """A certificate authority that signs for one purpose."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def make(cls, name: str, folder: Path) -> Authority:
        """Create an authority and write ``<name>.crt``."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"sandtable-{name}")])
        builder = _builder(subject, subject, key.public_key())
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)  # noqa: FBT003  # sign, certificates, CRLs
        certificate = builder.add_extension(usage, critical=True).sign(key, hashes.SHA256())
        (folder / f"{name}.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return cls(key, certificate)

    def issue(
        self,
        folder: Path,
        name: str,
        common_name: str,
        organisation: str | None = None,
        *,
        hosts: Sequence[str] = (),
        addresses: Sequence[str] = (),
    ) -> None:
        """Write ``<name>.crt`` and ``<name>.key``: a client's; with ``hosts`` or ``addresses`` a server's, too, for etcd's peers."""
        key = ec.generate_private_key(ec.SECP256R1())
        attributes = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
        if organisation:
            attributes.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation))
        builder = _builder(x509.Name(attributes), self.certificate.subject, key.public_key())
        builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        purposes = [ExtendedKeyUsageOID.CLIENT_AUTH]
        if hosts or addresses:
            purposes.append(ExtendedKeyUsageOID.SERVER_AUTH)
            names: list[x509.GeneralName] = [x509.DNSName(host) for host in hosts]
            names += [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        certificate = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False).sign(self.key, hashes.SHA256())
        (folder / f"{name}.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        _write_key(folder / f"{name}.key", key)


def make_certificates(folder: Path, site: Site) -> None:
    """Write all certificates and keys of the cluster at ``site`` into ``folder``, or nothing at all.

    A second call changes nothing, so certificates that were handed out stay valid.
    """
    if (folder / "complete").exists():
        return
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    cluster = Authority.make("ca", folder)
    addresses = dict.fromkeys((LOOPBACK, site.address, str(ipaddress.ip_network(site.service_range)[1])))
    cluster.issue(folder, "kube-apiserver", "kube-apiserver", hosts=_SERVER_NAMES, addresses=tuple(addresses))
    for name, common_name, organisation in site.clients:
        cluster.issue(folder, name, common_name, organisation)
    if site.node is not None:
        cluster.issue(folder, "kubelet-server", site.node.name, hosts=(site.node.name,), addresses=(site.node.address,))
        cluster.issue(folder, "kube-apiserver-kubelet-client", "sandtable:kube-apiserver")
        Authority.make("front-proxy-ca", folder).issue(folder, "front-proxy-client", "front-proxy-client")
    etcd = Authority.make("etcd-ca", folder)
    etcd.issue(folder, "etcd", "etcd", hosts=("localhost",), addresses=(LOOPBACK,))
    etcd.issue(folder, "etcd-client", "kube-apiserver")
    service_accounts = ec.generate_private_key(ec.SECP256R1())
    _write_key(folder / "service-accounts.key", service_accounts)
    public = service_accounts.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    (folder / "service-accounts.pub").write_bytes(public)
    (folder / "complete").touch()


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    # Valid from a day ago, so that a clock that is set back a little does not make the components reject each other.
    start = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=365 * _YEARS))
    )


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    path.touch(mode=0o600)
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
