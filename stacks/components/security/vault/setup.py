"""Setup of the secrets engine: a Job that initialises new servers and writes the access policies.

It runs ``configuration/setup.sh`` again whenever that script, a policy or the environment changes. Only the first run holds a root token,
in memory, and revokes it; later ones log in with their ServiceAccount. There are no recovery keys to store: the engine unseals itself, and
anyone who may request a token of this ServiceAccount from Kubernetes administers the engine
(``kubectl -n vault create token vault-setup --audience vault``).

Vault's servers are unsealed manually, so there is no Job for them: an operator runs the same script in their pod.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, ClassVar, Final

import pulumi_kubernetes as k8s

from stacks.components import places
from stacks.components.component import Component
from stacks.components.network import SECRETS_PORT, Flow, allow
from stacks.components.parts import from_config_map, scratch, secret_files, workload_api
from stacks.components.pods import Mount, Rights, Size, container, on_platform_pool, pod_template
from stacks.components.security.vault.access import AUDIENCE, CONFIG_MAPS, SETUP, databases, policies, roles
from stacks.components.security.vault.server import BINARIES, CERTIFIED, GROUP, MEMBERS, POLICIES, URL, USER
from stacks.components.stack_secrets import stack_secret
from stacks.graph import labels

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pulumi

    from stacks.environment import Environment

#: Annotation on the pod: digest of its input. A Job is immutable, so another digest replaces the Job.
DIGEST: Final = labels.PREFIX + "setup-digest"
_PART = "setup"
_TOKEN_S = 600
_TLS: Final = "/vault/tls"


class VaultSetup(Component):
    """The setup's files; the Job that runs them, its ServiceAccount and its network access to the servers."""

    KIND: ClassVar = "security:VaultSetup"
    APP: ClassVar = SETUP

    job: k8s.batch.v1.Job | None = None

    def __init__(self, name: str, *, environment: Environment, options: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, environment=environment, options=options)
        self.lends = bool(databases(environment))
        contents = {"setup": setup_files(environment), "policies": policies(POLICIES)}
        maps = [self.config_map(CONFIG_MAPS[volume][0], places.VAULT, part=_PART, data=data) for volume, data in contents.items()]
        account = self.service_account(SETUP, places.VAULT, part=_PART)
        if environment.secrets.engine == "openbao":
            password = [self._store_password()] if self.lends else []
            # Must not wait for the servers: they become ready only after this has run.
            self.job = self._job(_digest(environment, contents), account, *maps, *password)
            allow(self, SETUP, places.VAULT, part=_PART, out_to=[Flow((SECRETS_PORT,), places.VAULT)])
        self.register_outputs({"account": SETUP})

    def _store_password(self) -> k8s.core.v1.Secret:
        return k8s.core.v1.Secret(
            f"{places.VAULT}/vault-stores",
            metadata=self.metadata("vault-stores", places.VAULT, part=_PART),
            type="Opaque",
            string_data={"password": stack_secret("store_password", self.environment)},
            opts=self.options(),
        )

    def _job(self, digest: str, *after: pulumi.Resource) -> k8s.batch.v1.Job:
        volumes = [
            *(from_config_map(volume, name) for volume, (name, _) in CONFIG_MAPS.items()),
            scratch("tls", 1, memory=True),
            scratch("work", 1, memory=True),
            workload_api(),
            _login_token(),
        ]
        return k8s.batch.v1.Job(
            f"{places.VAULT}/{SETUP}",
            metadata=self.metadata(SETUP, places.VAULT, part=_PART),
            spec=k8s.batch.v1.JobSpecArgs(
                backoff_limit=20,  # it starts at the same time as the servers and SPIRE
                template=pod_template(
                    self.labels(_PART),
                    [self._main()],
                    placement=on_platform_pool(self.environment),
                    service_account=SETUP,
                    init_containers=[_authorities()],
                    volumes=[*volumes, secret_files("stores", "vault-stores")] if self.lends else volumes,
                    group=GROUP,
                    restart="OnFailure",
                    annotations={DIGEST: digest},
                ),
            ),
            opts=self.options(*after),
        )

    def _main(self) -> k8s.core.v1.ContainerArgs:
        identity = self.environment.identity
        mounts = [
            *(Mount(volume, path, read_only=True) for volume, (_, path) in CONFIG_MAPS.items()),
            Mount("work", "/vault/work"),
            Mount("login", "/vault/login", read_only=True),
            Mount("tls", _TLS, read_only=True),
        ]
        return container(
            "setup",
            self.environment.secrets.engine,
            Size(0.05, 256, cpu_limit=0.5),  # the CLI is large, and every step starts it
            command=["/bin/sh", "/vault/setup/setup.sh"],
            env={
                "ENGINE": BINARIES[self.environment.secrets.engine],
                "FIRST_ADDR": f"https://vault-0.{MEMBERS}:{SECRETS_PORT}",
                "VAULT_ADDR": URL,
                "VAULT_CACERT": f"{_TLS}/bundle.pem",
                "VAULT_TLS_SERVER_NAME": CERTIFIED,
                "JWT_FILE": "/vault/login/token",
                "TRUST_DOMAIN": identity.trust_domain,
                "CERTIFICATE_TTL": f"{round(identity.svid_ttl_h * 3600)}s",
                "KUBERNETES_HOST": "https://kubernetes.default.svc",
                "HOME": "/vault/work",
            },
            mounts=[*mounts, Mount("stores", "/vault/stores", read_only=True)] if self.lends else mounts,
            rights=Rights(user=USER),
        )


def _authorities() -> k8s.core.v1.ContainerArgs:
    return container(
        "authorities",
        "spiffe-helper",
        Size(0.02, 64),
        args=["-config", "/vault/setup/helper.conf"],
        mounts=[
            Mount("setup", CONFIG_MAPS["setup"][1], read_only=True),
            Mount("tls", _TLS),
            Mount("workload-api", "/spiffe-workload-api", read_only=True),
        ],
        rights=Rights(user=USER),
    )


def _login_token() -> k8s.core.v1.VolumeArgs:
    token = k8s.core.v1.ServiceAccountTokenProjectionArgs(path="token", audience=AUDIENCE, expiration_seconds=_TOKEN_S)
    return k8s.core.v1.VolumeArgs(
        name="login",
        projected=k8s.core.v1.ProjectedVolumeSourceArgs(sources=[k8s.core.v1.VolumeProjectionArgs(service_account_token=token)]),
    )


def setup_files(environment: Environment) -> dict[str, str]:
    """Return the files to mount at ``/vault/setup``."""
    files = {"setup.sh": "setup.sh", "helper.conf": "spiffe-helper-once.hcl"}
    return {
        **{name: (POLICIES / source).read_text(encoding="utf-8") for name, source in files.items()},
        "roles": roles(),
        "databases": databases(environment),
    }


def _digest(environment: Environment, contents: Mapping[str, Mapping[str, str]]) -> str:
    said = json.dumps([contents, environment.identity.model_dump(mode="json")], sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()[:16]
