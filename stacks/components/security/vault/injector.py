"""The injector: adds a sidecar with their secrets to pods that request it, through a mutating webhook.

The webhook's failure policy is ``Ignore``, and it matches only pods that request injection, in namespaces that have a login. With ``Fail``
and without these conditions, the loss of this one Deployment would stop every pod in the cluster from starting, its own included. On the
embedded cluster, where pods are simulated and no webhook answers, every pod would wait for its timeout. A pod whose injection was skipped
fails by itself, because it has no secrets.

A pod requests injection with annotations and a token for the engine (docs/guides/operate-an-environment.md has an example).

Facts: hashicorp/vault-helm v0.34.1 (8080 HTTPS, ``/health/ready``, webhook on CREATE of pods), hashicorp/vault-k8s v1.7.6.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

import pulumi_kubernetes as k8s

from stacks.components import places
from stacks.components.component import Component, rule
from stacks.components.images import image
from stacks.components.network import API_SERVER, NAMESPACE_LABEL, Flow, allow
from stacks.components.parts import from_field, http_probe
from stacks.components.pods import Rights, Size, container, on_platform_pool, pod_template
from stacks.components.security.vault.access import CLIENTS
from stacks.components.security.vault.server import URL

if TYPE_CHECKING:
    import pulumi

    from stacks.environment import Environment

NAME: Final = "vault-injector"
#: Whether a pod requests injection, read as the injector itself does.
_ASKS: Final = 'has(object.metadata.annotations) && object.metadata.annotations[?"vault.hashicorp.com/agent-inject"].orValue("") == "true"'
_PART = "injector"
_PORT = 8080


class VaultInjector(Component):
    """Two replicas behind the webhook, which issue and renew their own certificate."""

    KIND: ClassVar = "security:VaultInjector"
    APP: ClassVar = NAME

    deployment: k8s.apps.v1.Deployment

    def __init__(self, name: str, *, environment: Environment, options: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, environment=environment, options=options)
        account = self.service_account(NAME, places.VAULT, part=_PART)
        hooks = [
            # It lists them all: RBAC can restrict a list to names only if the request itself names one.
            rule(["admissionregistration.k8s.io"], ["mutatingwebhookconfigurations"], ["list", "watch"]),
            rule(["admissionregistration.k8s.io"], ["mutatingwebhookconfigurations"], ["get", "patch"], [NAME]),
            rule([""], ["nodes"], ["get"]),  # the election: a leader on a node that is gone has lost
        ]
        # The replicas share the certificate through a Secret, and elect a leader.
        shared = rule([""], ["secrets", "configmaps", "pods"], ["get", "list", "watch", "create", "update", "patch"])
        self.cluster_role(NAME, part=_PART, rules=hooks, service_account=(places.VAULT, NAME))
        self.role(NAME, places.VAULT, part=_PART, rules=[shared], service_account=(places.VAULT, NAME))
        self.deployment = self._deployment(account)
        self.service(NAME, places.VAULT, part=_PART, ports={"https": _PORT})
        self._webhook()
        self.disruption_budget(NAME, places.VAULT, part=_PART, max_unavailable=1)
        allow(self, NAME, places.VAULT, part=_PART, into=[Flow((_PORT,))], out_to=[API_SERVER])
        self.register_outputs({"namespaces": list(CLIENTS)})

    def _deployment(self, account: k8s.core.v1.ServiceAccount) -> k8s.apps.v1.Deployment:
        main = container(
            "injector",
            "vault-injector",
            Size(0.1, 128, cpu_limit=0.5),
            args=["agent-inject"],
            env={
                "AGENT_INJECT_LISTEN": f":{_PORT}",
                "AGENT_INJECT_VAULT_ADDR": URL,
                # The engine's own image: by default the injector picks a Vault image. OpenBao's image has a `vault` command, too.
                "AGENT_INJECT_VAULT_IMAGE": image(self.environment.secrets.engine),
                "AGENT_INJECT_TLS_AUTO": NAME,
                "AGENT_INJECT_TLS_AUTO_HOSTS": f"{NAME},{NAME}.{places.VAULT},{NAME}.{places.VAULT}.svc",
                "AGENT_INJECT_USE_LEADER_ELECTOR": "true",
                "NAMESPACE": from_field("metadata.namespace"),
                "POD_NAME": from_field("metadata.name"),
            },
            ports={"https": _PORT},
            ready=http_probe("/health/ready", "https", period_s=2, tls=True),
            alive=http_probe("/health/ready", "https", delay_s=5, tls=True),
            rights=Rights(user=100),
        )
        return k8s.apps.v1.Deployment(
            f"{places.VAULT}/{NAME}",
            metadata=self.metadata(NAME, places.VAULT, part=_PART),
            spec=k8s.apps.v1.DeploymentSpecArgs(
                replicas=2,
                selector=k8s.meta.v1.LabelSelectorArgs(match_labels=self.selector(_PART)),
                template=pod_template(
                    self.labels(_PART),
                    [main],
                    placement=on_platform_pool(self.environment),
                    service_account=NAME,
                    api_token=True,
                    spread=self.selector(_PART),
                ),
            ),
            opts=self.options(account),
        )

    def _webhook(self) -> None:
        k8s.admissionregistration.v1.MutatingWebhookConfiguration(
            NAME,
            metadata=self.metadata(NAME, part=_PART),
            webhooks=[
                k8s.admissionregistration.v1.MutatingWebhookArgs(
                    name="vault.hashicorp.com",
                    failure_policy="Ignore",
                    timeout_seconds=5,
                    side_effects="None",
                    match_policy="Equivalent",
                    reinvocation_policy="Never",
                    admission_review_versions=["v1"],
                    client_config=k8s.admissionregistration.v1.WebhookClientConfigArgs(
                        # The injector itself patches the CA bundle in.
                        service=k8s.admissionregistration.v1.ServiceReferenceArgs(
                            name=NAME, namespace=places.VAULT, path="/mutate", port=_PORT
                        ),
                    ),
                    namespace_selector=k8s.meta.v1.LabelSelectorArgs(
                        match_expressions=[
                            k8s.meta.v1.LabelSelectorRequirementArgs(key=NAMESPACE_LABEL, operator="In", values=list(CLIENTS))
                        ]
                    ),
                    match_conditions=[k8s.admissionregistration.v1.MatchConditionArgs(name="asks-for-secrets", expression=_ASKS)],
                    rules=[
                        k8s.admissionregistration.v1.RuleWithOperationsArgs(
                            operations=["CREATE"], api_groups=[""], api_versions=["v1"], resources=["pods"], scope="Namespaced"
                        )
                    ],
                )
            ],
            opts=self.options(),
        )
