"""CustomResourceDefinitions, typed: their own schema language in a few words.

The definitions here are minimal: they hold the fields that this stack writes and a controller must know, and refuse others by pruning.
The controllers' own charts carry the complete ones; where those are installed first, nothing here contradicts them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pulumi_kubernetes as k8s

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stacks.components.component import Component


def text(pattern: str | None = None, allowed: Sequence[str] | None = None) -> k8s.apiextensions.v1.JSONSchemaPropsArgs:
    """Return the schema of a text."""
    return k8s.apiextensions.v1.JSONSchemaPropsArgs(type="string", pattern=pattern, enum=list(allowed) if allowed else None)


def number(minimum: int) -> k8s.apiextensions.v1.JSONSchemaPropsArgs:
    """Return the schema of a whole number."""
    return k8s.apiextensions.v1.JSONSchemaPropsArgs(type="integer", minimum=minimum)


def flag() -> k8s.apiextensions.v1.JSONSchemaPropsArgs:
    """Return the schema of a boolean."""
    return k8s.apiextensions.v1.JSONSchemaPropsArgs(type="boolean")


def list_of(item: k8s.apiextensions.v1.JSONSchemaPropsArgs) -> k8s.apiextensions.v1.JSONSchemaPropsArgs:
    """Return the schema of a list."""
    return k8s.apiextensions.v1.JSONSchemaPropsArgs(type="array", items=item)


def record(
    properties: Mapping[str, k8s.apiextensions.v1.JSONSchemaPropsArgs], required: Sequence[str] = ()
) -> k8s.apiextensions.v1.JSONSchemaPropsArgs:
    """Return the schema of an object with known keys."""
    return k8s.apiextensions.v1.JSONSchemaPropsArgs(type="object", properties=dict(properties), required=list(required) or None)


def anything() -> k8s.apiextensions.v1.JSONSchemaPropsArgs:
    """Return the schema of an object whose keys somebody else decides."""
    return k8s.apiextensions.v1.JSONSchemaPropsArgs(type="object", x_kubernetes_preserve_unknown_fields=True)


def definition(
    component: Component,
    *,
    group: str,
    version: str,
    kind: str,
    plural: str,
    part: str,
    spec: k8s.apiextensions.v1.JSONSchemaPropsArgs,
    scope: str = "Cluster",
) -> k8s.apiextensions.v1.CustomResourceDefinition:
    """Declare a CustomResourceDefinition with one version, a ``spec`` and a free ``status``."""
    name = f"{plural}.{group}"
    return k8s.apiextensions.v1.CustomResourceDefinition(
        name,
        metadata=component.metadata(name, part=part),
        spec=k8s.apiextensions.v1.CustomResourceDefinitionSpecArgs(
            group=group,
            scope=scope,
            names=k8s.apiextensions.v1.CustomResourceDefinitionNamesArgs(
                kind=kind, list_kind=f"{kind}List", plural=plural, singular=kind.lower()
            ),
            versions=[
                k8s.apiextensions.v1.CustomResourceDefinitionVersionArgs(
                    name=version,
                    served=True,
                    storage=True,
                    subresources=k8s.apiextensions.v1.CustomResourceSubresourcesArgs(status={}),
                    schema=k8s.apiextensions.v1.CustomResourceValidationArgs(
                        open_apiv3_schema=record({"spec": spec, "status": anything()}, ["spec"])
                    ),
                )
            ],
        ),
        opts=component.options(),
    )


def instance(
    component: Component,
    defined_by: k8s.apiextensions.v1.CustomResourceDefinition,
    *,
    api_version: str,
    kind: str,
    name: str,
    part: str,
    spec: Mapping[str, Any],
) -> k8s.apiextensions.CustomResource:
    """Declare one cluster-wide object of a kind that a definition (which must exist first) describes."""
    return k8s.apiextensions.CustomResource(
        name,
        api_version=api_version,
        kind=kind,
        metadata=component.metadata(name, part=part),
        spec=dict(spec),
        opts=component.options(defined_by),
    )
