"""Certificates of members and clients: what is missing or does not fit is named, what was renewed is read again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stacks.clusters.embedded.certificates import Authority
from workloads.consensus.errors import CertificateError
from workloads.consensus.wire.security import Certificates


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Authority.make("ca", tmp_path).issue(tmp_path, "tls", "n0", hosts=("n0",))
    return tmp_path


def test_renewed_files_are_read_once(folder: Path) -> None:
    certificates = Certificates(folder)
    assert not certificates.refresh()
    os.utime(folder / "tls.crt", ns=(1 << 61, 1 << 61))
    assert certificates.refresh()
    assert not certificates.refresh()


def test_a_missing_file_is_named_and_the_old_certificates_are_kept(folder: Path) -> None:
    certificates = Certificates(folder)
    (folder / "tls.key").unlink()
    with pytest.raises(CertificateError, match=r"tls.key is missing; the folder needs ca.crt, tls.crt, tls.key"):
        certificates.refresh()
    with pytest.raises(CertificateError, match=r"tls.key is missing"):
        Certificates(folder)


def test_a_key_of_another_certificate_is_refused(folder: Path) -> None:
    other = folder / "other"
    other.mkdir()
    Authority.make("ca", other).issue(other, "tls", "n0")
    (folder / "tls.key").write_bytes((other / "tls.key").read_bytes())
    with pytest.raises(CertificateError, match=r"tls.crt and tls.key cannot be read, or do not belong together"):
        Certificates(folder)
