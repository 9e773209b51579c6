"""What ``sandtable verify`` reads of SPIRE's own formats: chains of the Workload API, keys of a trust bundle."""

from __future__ import annotations

import base64

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from sandtable.jobs.verify.check import CheckFailedError
from sandtable.jobs.verify.security.identity import issued_by, stranger
from sandtable.jobs.verify.security.svid_logins import jwt_authorities
from sandtable.jobs.verify.security.workload_api import x509_chain


def test_certificates_one_after_the_other_are_taken_apart() -> None:
    made = [x509.load_pem_x509_certificate(stranger().encode()) for _ in range(2)]
    der = b"".join(one.public_bytes(serialization.Encoding.DER) for one in made)
    assert x509.load_pem_x509_certificates(x509_chain(der).encode()) == made


def test_an_authority_has_signed_its_own_and_no_other_s() -> None:
    first, second = (x509.load_pem_x509_certificate(stranger().encode()) for _ in range(2))
    assert issued_by(first, first)
    assert not issued_by(first, second)


def text(number: int) -> str:
    return base64.urlsafe_b64encode(number.to_bytes((number.bit_length() + 7) // 8)).decode().rstrip("=")


@pytest.mark.parametrize(("curve", "name"), [(ec.SECP256R1(), "P-256"), (ec.SECP384R1(), "P-384")])
def test_keys_for_tokens_are_read_from_a_bundle(curve: ec.EllipticCurve, name: str) -> None:
    key, other = ec.generate_private_key(curve).public_key(), rsa.generate_private_key(65537, 2048).public_key()
    numbers, more = key.public_numbers(), other.public_numbers()
    bundle = {
        "keys": [
            {"use": "x509-svid", "kty": "EC", "crv": name},
            {"use": "jwt-svid", "kty": "EC", "crv": name, "x": text(numbers.x), "y": text(numbers.y)},
            {"use": "jwt-svid", "kty": "RSA", "n": text(more.n), "e": text(more.e)},
        ]
    }
    assert [serialization.load_pem_public_key(pem.encode()) for pem in jwt_authorities(bundle)] == [key, other]


def test_a_bundle_without_keys_for_tokens_is_told() -> None:
    with pytest.raises(CheckFailedError, match="no key for JWT-SVIDs"):
        jwt_authorities({"keys": [{"use": "x509-svid"}]})
