"""CustomResourceDefinitions, with short typed helpers for their schema language.

The definitions here are minimal: they contain the fields that this stack writes and a controller must know; the API server prunes all
others. A controller that installs the complete definitions itself, as Crossplane does at every start, owns them from then on
(``handed_over``): the stack creates an initial one, so that its own objects are accepted before the controller runs, and leaves the
controller's version alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pulumi
import pulumi_kubernetes as k8s

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stacks.components.component import Component


def text(pattern: str | None = None, allowed: Sequence[str] | None = None) -> k8s.apiextensions.v1.JSONSchemaPropsArgs:
    """Return the schema of a string."""
    return k8s.apiextensions.v1.JSONSchemaPropsArgs(type="string", pattern=pattern, enum=list(allowed) if allowed else None)


def number(minimum: int) -> k8s.apiextensions.v1.JSONSchemaPropsArgs:
    """Return the schema of an integer."""
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
    """Return the schema of an object with arbitrary keys."""
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
    handed_over: bool = False,
) -> k8s.apiextensions.v1.CustomResourceDefinition:
    """Declare a cluster-wide CustomResourceDefinition with one version, a ``spec`` and a free ``status``.

    ``handed_over``: once created, its spec belongs to the controller, and a change of it is not drift. Pulumi's provider does not apply
    ignored fields that another manager owns.
    """
    name = f"{plural}.{group}"
    options = pulumi.ResourceOptions.merge(component.options(), pulumi.ResourceOptions(ignore_changes=["spec"]) if handed_over else None)
    return k8s.apiextensions.v1.CustomResourceDefinition(
        name,
        metadata=component.metadata(name, part=part),
        spec=k8s.apiextensions.v1.CustomResourceDefinitionSpecArgs(
            group=group,
            scope="Cluster",
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
        opts=options,
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
    after: Sequence[pulumi.Resource] = (),
) -> k8s.apiextensions.CustomResource:
    """Declare one cluster-wide object of a custom kind; its definition must exist first, and what is in ``after``."""
    return k8s.apiextensions.CustomResource(
        name,
        api_version=api_version,
        kind=kind,
        metadata=component.metadata(name, part=part),
        spec=dict(spec),
        opts=component.options(defined_by, *after),
    )
