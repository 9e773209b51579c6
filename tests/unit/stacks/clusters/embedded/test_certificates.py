"""The cluster's own certificates."""

import datetime as dt
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from stacks.clusters.embedded.certificates import CLIENTS, make_certificates


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cluster") / "pki"
    make_certificates(folder)
    return folder


def read(pki: Path, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((pki / f"{name}.crt").read_bytes())


def test_every_client_has_a_certificate_of_its_own_from_the_authority(pki: Path) -> None:
    authority = read(pki, "ca")
    for name, common_name, organisation in CLIENTS:
        certificate = read(pki, name)
        certificate.verify_directly_issued_by(authority)
        attributes = {attribute.oid: attribute.value for attribute in certificate.subject}
        assert attributes[NameOID.COMMON_NAME] == common_name
        assert attributes.get(NameOID.ORGANIZATION_NAME) == organisation
        assert isinstance(certificate.public_key(), ec.EllipticCurvePublicKey)


def test_only_the_administrator_may_do_everything(pki: Path) -> None:
    assert [name for name, _, organisation in CLIENTS if organisation == "system:masters"] == ["admin"]


def test_a_client_of_the_api_is_no_client_of_etcd(pki: Path) -> None:
    etcd = read(pki, "etcd-ca")
    read(pki, "etcd-client").verify_directly_issued_by(etcd)
    with pytest.raises(ValueError, match="Issuer"):
        read(pki, "admin").verify_directly_issued_by(etcd)


def test_the_server_is_known_by_its_address_on_loopback(pki: Path) -> None:
    names = read(pki, "kube-apiserver").extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "127.0.0.1" in {str(address) for address in names.get_values_for_type(x509.IPAddress)}
    assert "kubernetes.default.svc" in names.get_values_for_type(x509.DNSName)
    purposes = read(pki, "kube-apiserver").extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert ExtendedKeyUsageOID.SERVER_AUTH in purposes


def test_a_clients_certificate_serves_nobody(pki: Path) -> None:
    purposes = read(pki, "admin").extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(purposes) == [ExtendedKeyUsageOID.CLIENT_AUTH]


def test_certificates_outlast_any_rehearsal_and_bear_a_clock_set_back(pki: Path) -> None:
    certificate = read(pki, "admin")
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc == dt.timedelta(days=3650)
    made = dt.datetime.fromtimestamp((pki / "complete").stat().st_mtime, dt.UTC)
    assert dt.timedelta(hours=23) < made - certificate.not_valid_before_utc < dt.timedelta(hours=25)


def test_keys_are_for_us_alone(pki: Path) -> None:
    assert stat.S_IMODE(pki.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in pki.glob("*.key")} == {0o600}


def test_a_second_call_changes_nothing(pki: Path) -> None:
    before = {path.name: path.read_bytes() for path in pki.iterdir()}
    make_certificates(pki)
    assert {path.name: path.read_bytes() for path in pki.iterdir()} == before


def test_a_call_that_was_killed_half_way_is_done_again(tmp_path: Path) -> None:
    make_certificates(tmp_path)
    (tmp_path / "complete").unlink()
    (tmp_path / "admin.key").unlink()
    make_certificates(tmp_path)
    read(tmp_path, "admin").verify_directly_issued_by(read(tmp_path, "ca"))
