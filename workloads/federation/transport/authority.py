"""A certificate authority for a rehearsal or a test. Its key stays in memory: when the process ends, nobody can issue any more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from foundation.processes.atomic_file import write_bytes
from workloads.federation.transport.credentials import Credentials

_CLOCKS_DIFFER = timedelta(minutes=5)


class Authority:
    """Issues certificates into a folder.

    Args:
        folder: where the files go; it must exist.
        valid: how long certificates hold.
    """

    def __init__(self, folder: Path, valid: timedelta = timedelta(days=1)) -> None:
        self._folder, self._valid = folder, valid
        self._key = generate_private_key(SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority of a rehearsal")])
        builder = self._builder(self._name, self._key).add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        usage = x509.KeyUsage(
            digital_signature=False, content_commitment=False, key_encipherment=False, data_encipherment=False, key_agreement=False,
            key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
        )  # fmt: skip
        self._file = folder / "authority.pem"
        write_bytes(self._file, builder.add_extension(usage, critical=True).sign(self._key, SHA256()).public_bytes(Encoding.PEM))

    def issue(self, name: str, identity: str) -> Credentials:
        """Write ``NAME.pem`` and ``NAME.key``, and return all files of the new credentials.

        Args:
            name: name of the files.
            identity: SPIFFE ID, or else a common name.

        Raises:
            OSError: a file cannot be written.
        """
        key = generate_private_key(SECP256R1())
        builder = self._builder(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name if "://" in identity else identity)]), key)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
        )
        if "://" in identity:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(identity)]), critical=False)
        issued = Credentials(self._folder / f"{name}.pem", self._folder / f"{name}.key", self._file)
        write_bytes(issued.key, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), mode=0o600)
        write_bytes(issued.certificate, builder.sign(self._key, SHA256()).public_bytes(Encoding.PEM))
        return issued

    def _builder(self, subject: x509.Name, key: EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return x509.CertificateBuilder(
            issuer_name=self._name,
            subject_name=subject,
            public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=now - _CLOCKS_DIFFER,
            not_valid_after=now + self._valid,
        )
