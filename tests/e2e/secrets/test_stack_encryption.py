"""The secrets of a stack under a transit key instead of a passphrase, by the guide's two steps, on a real OpenBao."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pulumi
import pulumi_kubernetes as k8s
import pytest

from sandtable.jobs.stack.pulumi_cli import make_stacks, variables
from sandtable.workspace import Workspace
from stacks.clusters.embedded import EmbeddedCluster
from stacks.deployment import Deployment
from stacks.environment.file import load
from stacks.errors import ConfigurationError

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

POLICY = Path(__file__).parents[3] / "stacks" / "components" / "security" / "vault" / "configuration" / "stack-encryption.hcl"
KEY = "hashivault://sandtable-stack"
ROOT_TOKEN = "root"


@pytest.fixture
def transit(bao: Path, eventually: Callable[[str, Callable[[], bool]], None]) -> Iterator[dict[str, str]]:
    """Run a server in memory with the key and the policy; return the address, and a token that may use the key and nothing else."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        listen = f"127.0.0.1:{free.getsockname()[1]}"
    administrator = {**os.environ, "VAULT_ADDR": f"http://{listen}", "VAULT_TOKEN": ROOT_TOKEN}

    def ask(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([str(bao), *arguments], env=administrator, check=False, capture_output=True, text=True, timeout=240)

    command = [str(bao), "server", "-dev", "-dev-no-store-token", f"-dev-root-token-id={ROOT_TOKEN}", f"-dev-listen-address={listen}"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        eventually("the server answers", lambda: ask("status").returncode == 0)
        for made in (
            ask("secrets", "enable", "transit"),
            ask("write", "-f", "transit/keys/sandtable-stack"),
            ask("policy", "write", "stack-encryption", str(POLICY)),
            token := ask("token", "create", "-policy=stack-encryption", "-field=token"),
        ):
            assert made.returncode == 0, made.stderr
        yield {"VAULT_ADDR": administrator["VAULT_ADDR"], "VAULT_TOKEN": token.stdout.strip()}
    finally:
        server.terminate()
        server.wait(120)


def test_a_transit_key_takes_the_place_of_the_passphrase(
    new_root: Callable[..., Path], new_cluster: Callable[[str], EmbeddedCluster], transit: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = new_root("dev")
    for name, value in transit.items():
        monkeypatch.setenv(name, value)
    change = ["pulumi", "stack", "change-secrets-provider", KEY, "--stack", "dev", "--non-interactive"]
    make_stacks(Workspace(root))
    by_hand = os.environ | variables(Workspace(root))
    done = subprocess.run(change, cwd=root, env=by_hand, check=False, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    monkeypatch.delenv("PULUMI_CONFIG_PASSPHRASE", raising=False)
    file = root / "Pulumi.dev.yaml"
    file.write_text(file.read_text().replace("  sandtable:secrets:\n", f'  sandtable:secrets:\n    stack_encryption: "{KEY}"\n'))
    environment = load("dev", root=root)
    assert environment.secrets.stack_encryption == KEY
    cluster = new_cluster("encrypted")
    cluster.start()

    def program() -> None:
        """Decrypt a secret of the stack's file, and put one into its state."""
        provider = k8s.Provider("cluster", kubeconfig=str(cluster.kubeconfig), context=cluster.context)
        password = {"password": pulumi.Config("sandtable").require_secret("store_password")}
        options = pulumi.ResourceOptions(provider=provider)
        k8s.core.v1.Secret("store", metadata={"name": "store", "namespace": "default"}, string_data=password, opts=options)

    deployment = Deployment(environment, cluster=cluster, root=root, program=program)
    assert set(deployment.up().changes) == {"create"}
    assert set(deployment.up().changes) == {"same"}
    provider = deployment.export_state()["deployment"]["secrets_providers"]
    assert (provider["type"], provider["state"]["url"]) == ("cloud", KEY)
    monkeypatch.setenv("VAULT_TOKEN", "another")
    with pytest.raises(ConfigurationError, match="the transit key that encrypts the secrets of dev could not be used; set VAULT_ADDR"):
        deployment.preview()
