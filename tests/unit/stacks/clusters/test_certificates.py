"""Certificates are made once, all or none, and say what the API server reads in them."""

from __future__ import annotations

import base64
import stat
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from kubernetes import config

from stacks.clusters.embedded.access import write_kubeconfig
from stacks.clusters.embedded.certificates import make_certificates
from stacks.clusters.embedded.site import CLIENTS, Site


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pki") / "pki"
    make_certificates(folder, Site())
    return folder


def read(pki: Path, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((pki / f"{name}.crt").read_bytes())


def test_a_second_call_changes_nothing(pki: Path) -> None:
    before = {path.name: path.read_bytes() for path in pki.iterdir()}
    make_certificates(pki, Site())
    assert {path.name: path.read_bytes() for path in pki.iterdir()} == before


def test_a_set_that_was_not_finished_is_made_anew(tmp_path: Path) -> None:
    make_certificates(tmp_path, Site())
    (tmp_path / "complete").unlink()
    authority = read(tmp_path, "ca")
    make_certificates(tmp_path, Site())
    assert read(tmp_path, "ca") != authority
    read(tmp_path, "admin").verify_directly_issued_by(read(tmp_path, "ca"))


def test_keys_are_for_their_owner_alone(pki: Path) -> None:
    keys = list(pki.glob("*.key"))
    assert len(keys) == 8
    assert {stat.S_IMODE(path.stat().st_mode) for path in keys} == {0o600}
    assert stat.S_IMODE(pki.stat().st_mode) == 0o700


@pytest.mark.parametrize(("name", "common_name", "organisation"), CLIENTS)
def test_clients_are_known_by_their_names(pki: Path, name: str, common_name: str, organisation: str | None) -> None:
    certificate = read(pki, name)
    certificate.verify_directly_issued_by(read(pki, "ca"))
    subject = certificate.subject
    assert [each.value for each in subject.get_attributes_for_oid(NameOID.COMMON_NAME)] == [common_name]
    assert [each.value for each in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)] == ([organisation] if organisation else [])
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH], "a client cannot pose as a server"


def test_only_the_administrator_is_above_all_rules() -> None:
    assert [name for name, _, organisation in CLIENTS if organisation == "system:masters"] == ["admin"]


@pytest.mark.parametrize(("name", "authority"), [("kube-apiserver", "ca"), ("etcd", "etcd-ca")])
def test_servers_are_reached_on_loopback_only(pki: Path, name: str, authority: str) -> None:
    certificate = read(pki, name)
    certificate.verify_directly_issued_by(read(pki, authority))
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "127.0.0.1" in {str(address) for address in names.get_values_for_type(x509.IPAddress)}
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert ExtendedKeyUsageOID.SERVER_AUTH in list(usage)


def test_a_kubeconfig_can_be_copied_anywhere(pki: Path, tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    write_kubeconfig(path, pki, "admin", 6443, "sandtable-dev")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    document = yaml.safe_load(path.read_text())
    assert base64.b64decode(document["users"][0]["user"]["client-key-data"]) == (pki / "admin.key").read_bytes()
    connection = config.new_client_from_config(str(path), "sandtable-dev")
    assert connection.configuration.host == "https://127.0.0.1:6443"
