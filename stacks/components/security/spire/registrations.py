"""Workload registration: which pods get which identity, as ClusterSPIFFEIDs, and the CRDs of SPIRE.

Every identity is ``spiffe://<trust domain>/ns/<namespace>/sa/<service account>``: it follows from a pod's namespace and ServiceAccount, so
no pod can choose it. Clients of the federation must be told apart, so theirs ends with ``/pod/<name>``, which their StatefulSet gives.
(spiffe/spire-controller-manager, api/v1alpha1.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

import pulumi_kubernetes as k8s

from stacks.components import places
from stacks.components.component import PART_OF, Component
from stacks.components.definitions import definition, flag, instance, list_of, record, text
from stacks.components.network import NAMESPACE_LABEL

if TYPE_CHECKING:
    import pulumi

    from stacks.environment import Environment

GROUP: Final = "spire.spiffe.io"
VERSION: Final = "v1alpha1"
ID_TEMPLATE: Final = "spiffe://{{ .TrustDomain }}/ns/{{ .PodMeta.Namespace }}/sa/{{ .PodSpec.ServiceAccountName }}"
CLIENT_ID_TEMPLATE: Final = ID_TEMPLATE + "/pod/{{ .PodMeta.Name }}"
_COMPONENT: Final = "app.kubernetes.io/component"
_PART = "registrations"
_POD: Final = "{{ .PodMeta.Name }}"


class SpireRegistrations(Component):
    """One ClusterSPIFFEID for each namespace with workload identities."""

    KIND: ClassVar = "security:SpireRegistrations"
    APP: ClassVar = "spire"

    identities: list[k8s.apiextensions.CustomResource]

    def __init__(self, name: str, *, environment: Environment, options: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, environment=environment, options=options)
        selector = record({"matchLabels": _labels()})
        identity = definition(
            self,
            group=GROUP,
            version=VERSION,
            kind="ClusterSPIFFEID",
            plural="clusterspiffeids",
            part=_PART,
            spec=record(
                {
                    "spiffeIDTemplate": text("^spiffe://"),
                    "namespaceSelector": selector,
                    "podSelector": selector,
                    "dnsNameTemplates": list_of(text()),
                    "federatesWith": list_of(text()),
                    "ttl": text("^[0-9]+(s|m|h)([0-9]+(s|m))*$"),
                    "jwtTtl": text("^[0-9]+(s|m|h)([0-9]+(s|m))*$"),
                    "admin": flag(),
                    "hint": text(),
                },
                ["spiffeIDTemplate"],
            ),
        )
        self._static_entries()
        self._federated_domains()
        ttl = f"{round(environment.identity.svid_ttl_h * 60)}m"
        self.identities = [
            instance(
                self,
                identity,
                api_version=f"{GROUP}/{VERSION}",
                kind="ClusterSPIFFEID",
                name=name,
                part=_PART,
                spec={
                    "spiffeIDTemplate": template,
                    "namespaceSelector": {"matchLabels": {NAMESPACE_LABEL: namespace}},
                    "podSelector": {"matchLabels": {"app.kubernetes.io/part-of": PART_OF, **more}},
                    "dnsNameTemplates": dns_names(namespace),
                    "ttl": ttl,
                },
            )
            for name, namespace, template, more in _registered(environment)
        ]
        self.register_outputs({"namespaces": _with_identity(environment)})

    def _static_entries(self) -> None:
        definition(
            self,
            group=GROUP,
            version=VERSION,
            kind="ClusterStaticEntry",
            plural="clusterstaticentries",
            part=_PART,
            spec=record(
                {
                    "spiffeID": text("^spiffe://"),
                    "parentID": text("^spiffe://"),
                    "selectors": list_of(text()),
                    "dnsNames": list_of(text()),
                    "federatesWith": list_of(text()),
                    "x509SVIDTTL": text(),
                    "hint": text(),
                },
                ["spiffeID", "parentID", "selectors"],
            ),
        )

    def _federated_domains(self) -> None:
        definition(
            self,
            group=GROUP,
            version=VERSION,
            kind="ClusterFederatedTrustDomain",
            plural="clusterfederatedtrustdomains",
            part=_PART,
            spec=record(
                {
                    "trustDomain": text(),
                    "bundleEndpointURL": text("^https://"),
                    "bundleEndpointProfile": record(
                        {"type": text(allowed=["https_spiffe", "https_web"]), "endpointSPIFFEID": text("^spiffe://")}, ["type"]
                    ),
                    "trustDomainBundle": text(),
                },
                ["trustDomain", "bundleEndpointURL", "bundleEndpointProfile"],
            ),
        )


def dns_names(namespace: str) -> list[str]:
    """Return the templates of the DNS names in the pods' certificates: the Service with the name of their program.

    For the secrets engine also the Service of its active server, which clients use; for data stores the pod's own name, by which the
    members of a group know each other.
    """
    program = '{{ index .PodMeta.Labels "app.kubernetes.io/name" }}'
    names = [program]
    if namespace == places.VAULT:
        names.append(f"{program}-active")
    elif namespace == places.DATA:
        names.append(f"{_POD}.{program}-peers")
    own = [_POD] if namespace == places.DATA else []
    return [*own, *(f"{name}.{{{{ .PodMeta.Namespace }}}}.svc" for name in names)]


def _registered(environment: Environment) -> list[tuple[str, str, str, dict[str, str]]]:
    """Return name, namespace, template and further pod labels of each registration."""
    found: list[tuple[str, str, str, dict[str, str]]] = []
    for namespace in _with_identity(environment):
        if namespace == places.FEDERATION:
            found.append((f"{namespace}-clients", namespace, CLIENT_ID_TEMPLATE, {_COMPONENT: "client"}))
            found.append((namespace, namespace, ID_TEMPLATE, {_COMPONENT: "server"}))
        else:
            found.append((namespace, namespace, ID_TEMPLATE, {}))
    return found


def _with_identity(environment: Environment) -> list[str]:
    optional = {
        places.VAULT: environment.secrets.engine != "none",
        places.DATA: bool(environment.data_stores or environment.coordination),
        places.TRAINING: bool(environment.training),
        places.MESSAGING: environment.messaging.kind != "none",
    }
    always = [places.AI, places.FEDERATION, places.TELEMETRY]
    return sorted([*always, *(namespace for namespace, wanted in optional.items() if wanted)])


def _labels() -> k8s.apiextensions.v1.JSONSchemaPropsArgs:
    return k8s.apiextensions.v1.JSONSchemaPropsArgs(type="object", additional_properties=text())
