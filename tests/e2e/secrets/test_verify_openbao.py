"""The checks of ``sandtable verify`` on a real OpenBao that the stack's own setup has made ready; Kubernetes' part is played."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sandtable.jobs.verify.check import CheckFailedError
from sandtable.jobs.verify.pod_http import Server
from sandtable.jobs.verify.security import openbao
from sandtable.jobs.verify.security.engine import Engine as Access
from stacks.clusters.exec import Ran
from stacks.clusters.node.pod_network import PodNetwork
from stacks.components.security.vault.server import CERTIFIED
from tests.e2e.secrets.test_vault_setup import ENVIRONMENT, Engine, RefusedError, token, token_reviews

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory, bao: Path) -> Iterator[Engine]:
    with token_reviews() as reviews:
        engine = Engine(tmp_path_factory.mktemp("openbao"), reviews, bao)
        with engine.running():
            done = engine.set_up()
            assert done.returncode == 0, done.stderr
            yield engine


@pytest.fixture
def ground(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The engine in place of a pod of the stack."""
    trusted = ssl.create_default_context(cafile=str(engine.files["tls"] / "bundle.pem"))
    pod = SimpleNamespace(name="vault-0", namespace="vault", uid="", address="127.0.0.1")
    accounts = [{"metadata": {"name": name}} for name in ("ai-stack", "gateway")]
    ground = SimpleNamespace(
        environment=SimpleNamespace(secrets=SimpleNamespace(replicas=1), identity=ENVIRONMENT.identity),
        node=SimpleNamespace(network_of=lambda _uid: PodNetwork(None)),
        api=None,
        live=lambda *_: accounts,
    )
    monkeypatch.setattr(Access, "pods", lambda _: [pod])
    monkeypatch.setattr(Access, "server", lambda _, pod: Server(ground, pod, engine.port, trusted, CERTIFIED))  # type: ignore[arg-type]
    monkeypatch.setattr(Access, "account_token", lambda _, namespace, account, audience="vault": token(namespace, account, audience))
    written = engine.files["audit"] / "audit.log"
    monkeypatch.setattr(openbao.commands, "run", lambda *_, **__: Ran(0, written.read_text(encoding="utf-8")))
    return ground


@pytest.mark.parametrize(
    "check", [openbao.servers, openbao.logins, openbao.certificates, openbao.encryption, openbao.audit, openbao.revocation]
)
def test_a_check_passes_on_what_the_setup_made(ground: Any, check: Callable[[Any], str]) -> None:
    assert check(ground)


def test_an_engine_that_lets_everybody_in_is_found(ground: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Access, "account_token", lambda *_, **__: token("ai", "ai-stack", "vault"))  # whoever asks has the right one
    with pytest.raises(CheckFailedError, match="logins are not refused: the account gateway, another audience"):
        openbao.logins(ground)


def test_a_token_in_clear_is_found(ground: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = token("vault", "vault-setup", "vault")
    read = openbao.commands.run
    monkeypatch.setattr(Access, "account_token", lambda *_, **__: secret)
    monkeypatch.setattr(openbao.commands, "run", lambda *_, **__: Ran(0, f"{read().output}\n{secret}"))  # type: ignore[call-arg]
    with pytest.raises(CheckFailedError, match="a token in clear"):
        openbao.audit(ground)


def test_what_is_done_for_a_moment_is_undone(ground: Any, engine: Engine) -> None:
    openbao.encryption(ground)
    engine.act_as("vault", "vault-setup")
    session = engine.log_in("vault-setup")
    with pytest.raises(RefusedError, match="No value found"):
        engine.ask("read", "auth/kubernetes/role/sandtable-verify", VAULT_TOKEN=session)
