"""What teams can claim: composite resource definitions, and the compositions that say what a claim becomes.

Two kinds, both namespaced (Crossplane v2 has no separate claims): ``AiEnvironment``, the short form of the environment that this stack
is made from, and ``GpuPool``, some accelerators for a time. Each is composed in pipeline mode by one Python function.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from stacks import labels
from stacks.components.component import Component
from stacks.components.definitions import anything, definition, instance, list_of, record, text
from stacks.components.images import image

if TYPE_CHECKING:
    import pulumi
    import pulumi_kubernetes as k8s

    from stacks.environment import Environment

API_GROUP: Final = "platform.sandtable.dev"
_XRD_GROUP: Final = "apiextensions.crossplane.io"
_FUNCTION: Final = "function-environment"
_PART = "apis"

#: Kind → (plural, properties of its spec, the required ones) in plain OpenAPI, as an XRD wants it.
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

    def __init__(self, name: str, *, environment: Environment, options: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, environment=environment, options=options)
        xrds, compositions, functions = self._definitions()
        self.kinds = list(_KINDS)
        instance(
            self,
            functions,
            api_version="pkg.crossplane.io/v1",
            kind="Function",
            name=_FUNCTION,
            part=_PART,
            spec={"package": image("environment-function"), "packagePullPolicy": "IfNotPresent", "revisionHistoryLimit": 1},
        )
        for kind, (plural, properties, required) in _KINDS.items():
            instance(
                self,
                xrds,
                api_version=f"{_XRD_GROUP}/v2",
                kind="CompositeResourceDefinition",
                name=f"{plural}.{API_GROUP}",
                part=_PART,
                spec=_composite(kind, plural, properties, required),
            )
            instance(
                self,
                compositions,
                api_version=f"{_XRD_GROUP}/v1",
                kind="Composition",
                name=f"{plural}.{API_GROUP}",
                part=_PART,
                spec=self._composition(kind),
            )
        self.register_outputs({"kinds": self.kinds, "group": API_GROUP})

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
        function = definition(
            self,
            group="pkg.crossplane.io",
            version="v1",
            kind="Function",
            plural="functions",
            part=_PART,
            spec=anything(),
        )
        return composite, composition, function


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
