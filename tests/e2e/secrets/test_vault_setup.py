"""The setup script of the secrets engine against a real OpenBao: one server with raft, the stack's own configuration, and TLS.

Kubernetes' part, which is to say whose token a login is, is played by a small server. Not covered: SPIRE's certificates, more than one
server.
"""

from __future__ import annotations

import base64
import http.server
import ipaddress
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from stacks.components.security.vault.access import policies
from stacks.components.security.vault.server import CERTIFIED, POLICIES, raft_storage
from stacks.components.security.vault.setup import setup_files
from stacks.environment import Environment

if TYPE_CHECKING:
    from collections.abc import Iterator

STORE = {"name": "features", "kind": "postgresql", "pool": "laptop", "storage_gib": 1}
ENVIRONMENT = Environment.model_validate({"name": "test", "identity": {"trust_domain": "example.org"}, "data_stores": [STORE]})
pytestmark = pytest.mark.e2e
#: What a token of a ServiceAccount looks like; the played API server reads the account out of it.
TEMPLATE = "{header}.{body}.c2ln"


def token(namespace: str, account: str, audience: str) -> str:
    """Return a ServiceAccount's token as far as the engine looks into it; nobody checks its signature here."""
    claims = {
        "iss": "https://kubernetes.default.svc",
        "aud": [audience],
        "sub": f"system:serviceaccount:{namespace}:{account}",
        "kubernetes.io": {"namespace": namespace, "serviceaccount": {"name": account, "uid": "1"}},
        "nbf": int(time.time()) - 60,
        "exp": int(time.time()) + 3600,
    }
    parts = ({"alg": "RS256"}, claims)
    header, body = (base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts)
    return TEMPLATE.format(header=header, body=body)


class TokenReview(http.server.BaseHTTPRequestHandler):
    """Says of every token that it is genuine, for the audience that is asked about if it is among the token's."""

    def do_POST(self) -> None:
        review: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        body = review["spec"]["token"].split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        audiences = [audience for audience in review["spec"].get("audiences", []) if audience in claims["aud"]]
        user = {"username": claims["sub"], "uid": "1"}
        review["status"] = {"authenticated": bool(audiences), "user": user, "audiences": audiences}
        answer = json.dumps(review).encode()
        self.send_response(201)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base's own name
        """Say nothing."""


@contextmanager
def token_reviews() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), TokenReview) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listening.getsockname()[1] for listening in sockets]
    for listening in sockets:
        listening.close()
    return ports


def certify(folder: Path) -> None:
    """Write a certificate as the server's own identity would be, with the name that the stack asks for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    names = [x509.DNSName(CERTIFIED), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "svid_key.pem").write_bytes(private)
    for file in ("svid.pem", "bundle.pem"):
        (folder / file).write_bytes(certificate.public_bytes(pem))


class RefusedError(Exception):
    """The engine did not do what it was asked; the text is its answer."""


class Engine:
    """One server on loopback and the Job's script."""

    def __init__(self, folder: Path, reviews: str, binary: Path) -> None:
        self.folder, self.binary = folder, binary
        self.port, cluster = free_ports(2)
        self.files = {name: folder / name for name in ("config", "tls", "data", "audit", "setup", "policies", "stores", "seal", "work")}
        for path in self.files.values():
            path.mkdir()
        certify(self.files["tls"])
        (self.files["seal"] / "current.key").write_bytes(bytes(range(32)))
        (self.files["stores"] / "password").write_text("correct horse", encoding="utf-8")
        self._write("setup", setup_files(ENVIRONMENT))
        self._write("policies", policies(POLICIES))
        self._write("config", self._configuration(cluster))
        self.environment = {
            **os.environ,
            "PATH": os.pathsep.join([str(self.binary.parent), os.environ["PATH"]]),
            "ENGINE": self.binary.name,
            "FIRST_ADDR": self.url,
            "VAULT_ADDR": self.url,
            "VAULT_CACERT": str(self.files["tls"] / "bundle.pem"),
            "VAULT_TLS_SERVER_NAME": CERTIFIED,
            "TRUST_DOMAIN": "example.org",
            "CERTIFICATE_TTL": "3600s",
            "KUBERNETES_HOST": reviews,
            "KUBERNETES_CA": str(self.files["tls"] / "bundle.pem"),
            "JWT_FILE": str(folder / "token"),
            "HOME": str(self.files["work"]),
            **{name.upper(): str(self.files[name]) for name in ("setup", "policies", "work", "stores")},
        }
        self.act_as("vault", "vault-setup")

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def _write(self, folder: str, contents: dict[str, str]) -> None:
        for name, text in contents.items():
            (self.files[folder] / name).write_text(text, encoding="utf-8")

    def _configuration(self, cluster: int) -> dict[str, str]:
        """Return the stack's own files, with the folders and ports of this machine, and without Kubernetes."""
        server = (POLICIES / "server.hcl").read_text(encoding="utf-8").replace('service_registration "kubernetes" {}', "")
        server = re.sub(r'(api_addr +=) ".*"', f'\\1 "{self.url}"\ncluster_addr = "https://127.0.0.1:{cluster}"', server)
        server = server.replace("[::]:8200", f"127.0.0.1:{self.port}").replace("[::]:8201", f"127.0.0.1:{cluster}")
        storage = re.sub(r"  retry_join \{.*?\n  \}\n", '  node_id = "vault-0"\n', raft_storage(1), flags=re.DOTALL)
        seal = 'seal "static" {\n  current_key_id = "1"\n  current_key = "file:///vault/seal/current.key"\n}\n'
        audit = (POLICIES / "audit-openbao.hcl").read_text(encoding="utf-8")
        texts = {"server.hcl": server, "storage.hcl": storage, "seal.hcl": seal, "audit.hcl": audit}
        return {name: text.replace("/vault/", f"{self.folder}/") for name, text in texts.items()}

    @contextmanager
    def running(self) -> Iterator[None]:
        with (self.folder / "log").open("wb") as log:
            pid = self.folder / "server.pid"
            pid.unlink(missing_ok=True)
            line = f"trap '' HUP; echo $$ > {pid}; exec {self.binary} server -config={self.files['config']}"  # as the container's own
            process = subprocess.Popen(["/bin/sh", "-ec", line], env=self.environment, stdout=log, stderr=log)
            try:
                while not pid.exists():
                    assert process.poll() is None, (self.folder / "log").read_text(errors="replace")
                    time.sleep(0.01)
                process.send_signal(signal.SIGHUP)  # the helper's, before the server listens to it
                yield
            finally:
                process.terminate()
                process.wait(120)

    def act_as(self, namespace: str, account: str, audience: str = "vault") -> None:
        (self.folder / "token").write_text(token(namespace, account, audience), encoding="utf-8")

    def set_up(self) -> subprocess.CompletedProcess[str]:
        script = str(self.files["setup"] / "setup.sh")
        return subprocess.run(["/bin/sh", script], env=self.environment, capture_output=True, text=True, timeout=240, check=False)

    def ask(self, *arguments: str, **variables: str) -> str:
        command, environment = [str(self.binary), *arguments], {**self.environment, **variables}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode:
            raise RefusedError(done.stderr)
        return done.stdout

    def log_in(self, role: str) -> str:
        return self.ask("write", "-field=token", "auth/kubernetes/login", f"role={role}", f"jwt=@{self.folder / 'token'}")


def state(engine: Engine, session: str) -> dict[str, str]:
    """Return what the setup made, as its own identity sees it."""
    lists = {
        "mounts": ("read", "-format=json", "-field=data", "sys/mounts"),
        "logins": ("read", "-format=json", "-field=data", "sys/auth"),
        "roots": ("list", "-format=json", "pki/issuers"),
        "issuers": ("list", "-format=json", "pki_int/issuers"),
        "certificates": ("read", "-format=json", "-field=data", "pki_int/roles/ai-stack"),
        "login": ("read", "-format=json", "-field=data", "auth/kubernetes/role/training"),
        "key": ("read", "-format=json", "-field=data", "transit/keys/model-updates"),
        "database": ("read", "-format=json", "-field=data", "database/roles/training-readonly"),
        "policy": ("policy", "read", "training"),
    }
    return {what: engine.ask(*command, VAULT_TOKEN=session) for what, command in lists.items()}


def test_a_fresh_server_is_made_ready_and_a_second_run_changes_nothing(tmp_path: Path, bao: Path) -> None:
    with token_reviews() as reviews:
        engine = Engine(tmp_path, reviews, bao)
        with engine.running():
            first = engine.set_up()
            assert first.returncode == 0, first.stderr
            assert first.stderr.splitlines()[0] == "initialised"
            assert not list(engine.files["work"].glob("*token*")), "the root token is gone"
            made = state(engine, engine.log_in("vault-setup"))
            second = engine.set_up()
            assert second.returncode == 0, second.stderr
            assert "initialised" not in second.stderr
            assert state(engine, engine.log_in("vault-setup")) == made
            _check_workloads(engine)
        with engine.running():  # the seal opens itself
            again = engine.set_up()
            assert again.returncode == 0, again.stderr
    audited = (engine.files["audit"] / "audit.log").read_text(encoding="utf-8")
    assert "correct horse" not in audited
    assert audited.count('"type":"request"') > 50


def _check_workloads(engine: Engine) -> None:
    """A workload gets a certificate that the root has signed for its own names, and nobody else's login."""
    engine.act_as("ai", "ai-stack")
    session = engine.log_in("ai-stack")
    issue = ("write", "-format=json", "pki_int/issue/ai-stack")
    issued = json.loads(engine.ask(*issue, "common_name=web.ai.svc", VAULT_TOKEN=session))["data"]
    assert len(issued["ca_chain"]) == 2
    leaf, issuer, root = (x509.load_pem_x509_certificate(pem.encode()) for pem in (issued["certificate"], *issued["ca_chain"]))
    leaf.verify_directly_issued_by(issuer)
    issuer.verify_directly_issued_by(root)
    with pytest.raises(RefusedError):
        engine.ask(*issue, "common_name=web.training.svc", VAULT_TOKEN=session)
    with pytest.raises(RefusedError):
        engine.log_in("training")
    engine.act_as("ai", "ai-stack", audience="https://kubernetes.default.svc")
    with pytest.raises(RefusedError):
        engine.log_in("ai-stack")
    engine.act_as("vault", "vault-setup")
