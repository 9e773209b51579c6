"""Mutual TLS: a folder with ``ca.crt``, ``tls.crt`` and ``tls.key``, as a Kubernetes Secret of type ``kubernetes.io/tls`` has them."""

from __future__ import annotations

import ssl
from pathlib import Path

from workloads.consensus.errors import CertificateError


def server_context(folder: Path) -> ssl.SSLContext:
    """Return the context of a server that asks everyone for a certificate.

    Raises:
        CertificateError: a file is missing, cannot be read, or key and certificate do not belong together.
    """
    context = _context(ssl.PROTOCOL_TLS_SERVER, folder)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def client_context(folder: Path) -> ssl.SSLContext:
    """Return the context of a client; the server's certificate must have the host name. Raises as ``server_context``."""
    return _context(ssl.PROTOCOL_TLS_CLIENT, folder)


def _context(protocol: int, folder: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    for name in ("ca.crt", "tls.crt", "tls.key"):
        if not (folder / name).is_file():
            raise CertificateError(f"{folder / name} is missing; the folder needs ca.crt, tls.crt and tls.key")
    try:
        context.load_verify_locations(folder / "ca.crt")
    except (ssl.SSLError, OSError) as error:
        raise CertificateError(f"{folder / 'ca.crt'} cannot be read: {error}") from error
    try:
        context.load_cert_chain(folder / "tls.crt", folder / "tls.key")
    except (ssl.SSLError, OSError) as error:
        raise CertificateError(f"{folder / 'tls.crt'} and tls.key cannot be read, or do not belong together: {error}") from error
    return context
