"""What teams can claim: composite resource definitions (XRDs), and the compositions that turn a claim into resources.

Two kinds, both namespaced (Crossplane v2 has no separate claims): ``AiEnvironment``, a short form of this stack's own environment
definition, and ``GpuPool``, accelerators for a limited time. One Python function composes each in pipeline mode.

Crossplane's own kinds are defined here only until it runs: its init container replaces them with the complete definitions
(``definitions.py``, ``handed_over``). Objects of these kinds come after Crossplane and go before it: it has finalizers on them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from stacks import registry
from stacks.components.component import Component
from stacks.components.definitions import anything, definition, instance, list_of, record, text
from stacks.components.images import catalogue, image
from stacks.components.network import Flow
from stacks.components.pods import NOBODY, Size, on_platform_pool
from stacks.graph import labels

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pulumi
    import pulumi_kubernetes as k8s

    from stacks.environment import Environment

API_GROUP: Final = "platform.sandtable.dev"
_XRD_GROUP: Final = "apiextensions.crossplane.io"
_PACKAGES: Final = "pkg.crossplane.io"
FUNCTION_PORT: Final = 9443
_FUNCTION: Final = "function-environment"
#: Label that Crossplane puts on the function's pods.
FUNCTION_PODS: Final = {"pkg.crossplane.io/function": _FUNCTION}
_PART = "apis"

#: Kind → (plural, properties of its spec, required properties) in plain OpenAPI, as an XRD expects.
_KINDS: Final[dict[str, tuple[str, dict[str, Any], list[str]]]] = {
    "AiEnvironment": (
        "aienvironments",
        {
            "size": {"type": "string", "enum": ["small", "medium", "large"]},
            "region": {"type": "string"},
            "replicas": {"type": "integer", "minimum": 0, "maximum": 64},
            "gpuModel": {"type": "string"},
            "monthlyBudgetUsd": {"type": "number", "minimum": 0},
            "trustDomain": {"type": "string", "pattern": "^[a-z0-9._-]{1,255}$"},
        },
        ["size", "region", "monthlyBudgetUsd"],
    ),
    "GpuPool": (
        "gpupools",
        {
            "model": {"type": "string"},
            "count": {"type": "integer", "minimum": 1, "maximum": 512},
            "purchase": {"type": "string", "enum": ["on-demand", "spot", "reserved"]},
            "region": {"type": "string"},
            "hours": {"type": "integer", "minimum": 1, "maximum": 8760},
        },
        ["model", "count", "purchase", "region"],
    ),
}


class CrossplaneApis(Component):
    """Definitions of Crossplane's own kinds, then the kinds and compositions of this platform."""

    KIND: ClassVar = "platform:CrossplaneApis"
    APP: ClassVar = "crossplane"

    kinds: list[str]

    def __init__(
        self, name: str, *, environment: Environment, crossplane: pulumi.Resource, options: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(name, environment=environment, options=options)
        xrds, compositions = self._definitions()
        self.kinds = list(_KINDS)
        self._function(crossplane)
        for kind, (plural, properties, required) in _KINDS.items():
            instance(
                self,
                xrds,
                api_version=f"{_XRD_GROUP}/v2",
                kind="CompositeResourceDefinition",
                name=f"{plural}.{API_GROUP}",
                part=_PART,
                spec=_composite(kind, plural, properties, required),
                after=[crossplane],
            )
            instance(
                self,
                compositions,
                api_version=f"{_XRD_GROUP}/v1",
                kind="Composition",
                name=f"{plural}.{API_GROUP}",
                part=_PART,
                spec=self._composition(kind),
                after=[crossplane],
            )
        self.register_outputs({"kinds": self.kinds, "group": API_GROUP})

    def _function(self, crossplane: pulumi.Resource) -> None:
        """Declare the function and its runtime configuration."""
        functions, runtimes = (
            definition(
                self,
                group=_PACKAGES,
                version=version,
                kind=kind,
                plural=f"{kind.lower()}s",
                part=_PART,
                spec=anything(),
                handed_over=True,
            )
            for kind, version in (("Function", "v1"), ("DeploymentRuntimeConfig", "v1beta1"))
        )
        if self.environment.cluster.provider == "node":
            self._registry(crossplane)
        instance(
            self,
            runtimes,
            api_version=f"{_PACKAGES}/v1beta1",
            kind="DeploymentRuntimeConfig",
            name=_FUNCTION,
            part=_PART,
            spec=function_runtime(on_platform_pool(self.environment).node_selector),
            after=[crossplane],
        )
        instance(
            self,
            functions,
            api_version=f"{_PACKAGES}/v1",
            kind="Function",
            name=_FUNCTION,
            part=_PART,
            spec={
                "package": image("environment-function"),
                "packagePullPolicy": "IfNotPresent",
                "revisionHistoryLimit": 1,
                "runtimeConfigRef": {"name": _FUNCTION},
            },
            after=[crossplane],
        )

    def _registry(self, crossplane: pulumi.Resource) -> None:
        """Let Crossplane, which reads packages itself, look for ours where the node's containers come from."""
        rewrites = definition(
            self,
            group=_PACKAGES,
            version="v1beta1",
            kind="ImageConfig",
            plural="imageconfigs",
            part=_PART,
            spec=anything(),
            handed_over=True,
        )
        instance(
            self,
            rewrites,
            api_version=f"{_PACKAGES}/v1beta1",
            kind="ImageConfig",
            name="registry-of-the-node",
            part=_PART,
            spec={"matchImages": [{"prefix": catalogue().own_registry}], "rewriteImage": {"prefix": registry.IN_PODS}},
            after=[crossplane],
        )

    def _composition(self, kind: str) -> dict[str, Any]:
        return {
            "compositeTypeRef": {"apiVersion": f"{API_GROUP}/v1alpha1", "kind": kind},
            "mode": "Pipeline",
            "pipeline": [
                {
                    "step": "compose",
                    "functionRef": {"name": _FUNCTION},
                    "input": {
                        "apiVersion": f"{API_GROUP}/v1alpha1",
                        "kind": "Input",
                        "labels": {labels.OWNER: self.environment.owner, labels.ENVIRONMENT: self.environment.name},
                        "priceBook": self.environment.budget.price_book,
                    },
                }
            ],
        }

    def _definitions(self) -> tuple[k8s.apiextensions.v1.CustomResourceDefinition, ...]:
        composite = definition(
            self,
            group=_XRD_GROUP,
            version="v2",
            kind="CompositeResourceDefinition",
            plural="compositeresourcedefinitions",
            part=_PART,
            handed_over=True,
            spec=record(
                {
                    "group": text(),
                    "scope": text(allowed=["Namespaced", "Cluster"]),
                    "names": anything(),
                    "defaultCompositionRef": record({"name": text()}, ["name"]),
                    "versions": list_of(anything()),
                },
                ["group", "names", "versions"],
            ),
        )
        composition = definition(
            self,
            group=_XRD_GROUP,
            version="v1",
            kind="Composition",
            plural="compositions",
            part=_PART,
            handed_over=True,
            spec=record(
                {
                    "compositeTypeRef": record({"apiVersion": text(), "kind": text()}, ["apiVersion", "kind"]),
                    "mode": text(allowed=["Pipeline"]),
                    "pipeline": list_of(
                        record(
                            {"step": text(), "functionRef": record({"name": text()}, ["name"]), "input": anything()},
                            ["step", "functionRef"],
                        )
                    ),
                },
                ["compositeTypeRef", "mode", "pipeline"],
            ),
        )
        return composite, composition


def reads_packages(environment: Environment) -> list[Flow]:
    """Return the flow to the registry of a real node, which is not a pod and has no name in a NetworkPolicy."""
    return [Flow((registry.PORT,))] if environment.cluster.provider == "node" else []


def function_runtime(node_selector: Mapping[str, str] | None) -> dict[str, Any]:
    """Return our changes to the Deployment that Crossplane creates for the function.

    Crossplane's defaults set no requests or limits, which the admission policies reject, and a writable root file system.
    """
    size = Size(0.05, 128).requirements()
    runtime = {
        "name": "package-runtime",  # the container name that Crossplane expects
        "resources": {"requests": size.requests, "limits": size.limits},
        "readinessProbe": {"tcpSocket": {"port": FUNCTION_PORT}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "privileged": False,
            "readOnlyRootFilesystem": True,
            "runAsGroup": NOBODY,
            "runAsNonRoot": True,
            "runAsUser": NOBODY,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
    pod = {"automountServiceAccountToken": False, "nodeSelector": dict(node_selector or {}), "containers": [runtime]}
    return {"deploymentTemplate": {"spec": {"selector": {}, "template": {"spec": pod}}}}


def _composite(kind: str, plural: str, properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {
        "group": API_GROUP,
        "scope": "Namespaced",
        "names": {"kind": kind, "plural": plural, "singular": kind.lower()},
        "defaultCompositionRef": {"name": f"{plural}.{API_GROUP}"},
        "versions": [
            {
                "name": "v1alpha1",
                "served": True,
                "referenceable": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {"spec": {"type": "object", "properties": properties, "required": required}},
                    }
                },
            }
        ],
    }
