"""Who is who: certificates of servers and clients, and what they prove.

An identity is a SPIFFE ID where the certificate has one (X509-SVID, section 2: exactly one URI among the alternative names), and otherwise
the common name of the subject.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workloads.federation.errors import TransportError


@dataclass(frozen=True, slots=True)
class Credentials:
    """Files in PEM, as SPIRE's helper or a Kubernetes secret has them.

    Attributes:
        certificate: own certificate, with intermediate ones behind it.
        key: its private key.
        authority: certificates of those who sign the peers' certificates.
    """

    certificate: Path
    key: Path
    authority: Path

    def context(self, *, server: bool) -> ssl.SSLContext:
        """Return the terms of a connection: TLS 1.3, and both sides show a certificate.

        Raises:
            TransportError: a file is missing or is not what it should be; names it.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.check_hostname = False  # the identity is compared instead, see `identity_of`
        context.verify_mode = ssl.CERT_REQUIRED
        for file in (self.certificate, self.key, self.authority):
            if not file.is_file():
                raise TransportError(f"{file} is missing: each side needs a certificate, its key and the certificates of the authority")
        try:
            context.load_cert_chain(self.certificate, self.key)
        except (ssl.SSLError, OSError) as error:
            raise TransportError(f"{self.certificate} and {self.key} are no certificate and its key in PEM: {error}") from error
        try:
            context.load_verify_locations(self.authority)
        except (ssl.SSLError, OSError) as error:
            raise TransportError(f"{self.authority} has no certificates in PEM: {error}") from error
        return context


def identity_of(certificate: Mapping[str, Any]) -> str:
    """Return the identity in a certificate that the authority has signed, as ``ssl`` decodes it; empty if it has none."""
    uris = [value for kind, value in certificate.get("subjectAltName", ()) if kind == "URI"]
    if uris:
        return uris[0] if len(uris) == 1 and uris[0].startswith("spiffe://") else ""
    names = [value for part in certificate.get("subject", ()) for kind, value in part if kind == "commonName"]
    return names[0] if len(names) == 1 else ""
