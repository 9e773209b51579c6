"""Pulumi's names of resources: ``urn:pulumi:<stack>::<project>::<types>::<name>`` (pulumi/sdk, go/common/resource/urn).

``<types>`` are the types of its ancestors and its own, joined by ``$``. A name may contain ``::``, as those of Kubernetes roles do.
"""

from __future__ import annotations

from typing import Final

_PARTS: Final = 4
STACK: Final = "pulumi:pulumi:Stack"


def name_of(urn: str) -> str:
    """Return the name; a text that is not a URN is returned unchanged.

    >>> name_of("urn:pulumi:dev::shop::kubernetes:rbac.authorization.k8s.io/v1:Role::team::reader")
    'team::reader'
    """
    parts = urn.split("::", _PARTS - 1)
    return parts[-1] if len(parts) == _PARTS else urn


def parent_of(urn: str | None) -> str | None:
    """Return ``urn``, the parent of a resource; None if it is the stack itself, which is not part of a graph."""
    parts = (urn or "").split("::", _PARTS - 1)
    return None if not urn or (len(parts) == _PARTS and parts[2] == STACK) else urn
