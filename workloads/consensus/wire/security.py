"""Mutual TLS: a folder with ``ca.crt``, ``tls.crt`` and ``tls.key``, as a Kubernetes Secret of type ``kubernetes.io/tls`` has them."""

from __future__ import annotations

import ssl
from pathlib import Path

from workloads.consensus.errors import CertificateError

_FILES = ("ca.crt", "tls.crt", "tls.key")


class Certificates:
    """The certificates of a member, read again when their files change: what SPIFFE's helper or cert-manager writes lives for hours.

    Connections that are there stay; new ones use the new certificate.

    Raises:
        CertificateError: a file is missing, cannot be read, or key and certificate do not belong together.
    """

    def __init__(self, folder: Path) -> None:
        self.server, self.client = server_context(folder), client_context(folder)
        self._folder = folder
        self._changed_ns = self._newest_ns()

    def refresh(self) -> bool:
        """Read changed files; return whether there were any. Raises as the class does, and keeps the old ones."""
        newest_ns = self._newest_ns()
        if newest_ns == self._changed_ns:
            return False
        for context in (self.server, self.client):
            _load(context, self._folder)
        self._changed_ns = newest_ns
        return True

    def _newest_ns(self) -> int:
        try:
            return max((self._folder / name).stat().st_mtime_ns for name in _FILES)
        except OSError as error:
            raise CertificateError(f"{error.filename} is missing; the folder needs {', '.join(_FILES)}") from error


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
    _load(context, folder)
    return context


def _load(context: ssl.SSLContext, folder: Path) -> None:
    for name in _FILES:
        if not (folder / name).is_file():
            raise CertificateError(f"{folder / name} is missing; the folder needs {', '.join(_FILES)}")
    try:
        context.load_verify_locations(folder / "ca.crt")
    except (ssl.SSLError, OSError) as error:
        raise CertificateError(f"{folder / 'ca.crt'} cannot be read: {error}") from error
    try:
        context.load_cert_chain(folder / "tls.crt", folder / "tls.key")
    except (ssl.SSLError, OSError) as error:
        raise CertificateError(f"{folder / 'tls.crt'} and tls.key cannot be read, or do not belong together: {error}") from error
