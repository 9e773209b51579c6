"""What a claim becomes: a pure function from the composite resource to the objects that Crossplane keeps in its namespace.

Rule 1: no clock, no network, no state: the same claim gives the same objects, so Crossplane repairs whatever drifts from them.
Rule 2: every object is in the claim's namespace and has the owner and environment of the composition's input as labels.

An ``AiEnvironment`` bounds what its namespace may request and tells its terms in a ConfigMap. A ``GpuPool`` bounds the accelerators, and is
told by one ConfigMap with the labels of every other pool.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

_PREFIX: Final = "sandtable.dev/"
OWNER: Final = f"{_PREFIX}owner"
ENVIRONMENT: Final = f"{_PREFIX}environment"
_POOL: Final = f"{_PREFIX}pool"
_PURCHASE: Final = f"{_PREFIX}purchase"
_GPU_MODEL: Final = "nvidia.com/gpu.product"
_GPU_PRESENT: Final = "nvidia.com/gpu.present"
_REGION: Final = "topology.kubernetes.io/region"


class CompositionError(ValueError):
    """The claim cannot be composed; the message says what is wrong with it."""


class _Bounds(NamedTuple):
    """What all pods of an environment may request together."""

    cpu: int
    memory_gib: int
    pods: int


_SIZES: Final = {"small": _Bounds(4, 16, 20), "medium": _Bounds(16, 64, 80), "large": _Bounds(64, 256, 320)}


def compose(claim: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the objects of a claim by the names under which Crossplane knows them.

    Args:
        claim: the composite resource as it is.
        settings: the composition's input: ``labels`` for every object, and the ``priceBook`` that the claim's budget is held against.

    Raises:
        CompositionError: its kind, or a value of its spec, is unknown.
    """
    kind, metadata, spec = str(claim.get("kind", "")), claim.get("metadata", {}), claim.get("spec", {})
    if kind not in _KINDS:
        raise CompositionError(f"there is no composition of {kind or 'a resource without a kind'}; known: {', '.join(_KINDS)}")
    labels = {name: str(value) for name, value in settings.get("labels", {}).items()}
    return {
        name: {
            **document,
            "metadata": {
                **document["metadata"],
                "namespace": metadata["namespace"],
                "labels": labels | document["metadata"].get("labels", {}),
            },
        }
        for name, document in _KINDS[kind](str(metadata["name"]), spec, settings).items()
    }


def _environment(name: str, spec: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    if (size := spec.get("size")) not in _SIZES:
        raise CompositionError(f"spec.size {size!r} is none of {', '.join(_SIZES)}")
    bounds = _SIZES[size]
    hard = {"requests.cpu": str(bounds.cpu), "requests.memory": f"{bounds.memory_gib}Gi", "pods": str(bounds.pods)}
    terms = {
        "size": size,
        "region": str(spec["region"]),
        "replicas": _number(spec.get("replicas", 1)),
        "monthly_budget_usd": _number(spec["monthlyBudgetUsd"]),
        "price_book": str(settings.get("priceBook", "")),
    }
    optional = {"gpu_model": spec.get("gpuModel"), "trust_domain": spec.get("trustDomain")}
    return {
        "terms": _config_map(f"{name}-environment", terms | {key: str(value) for key, value in optional.items() if value}),
        "bounds": _quota(f"{name}-environment", hard),
    }


def _gpu_pool(name: str, spec: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    pool = {
        _POOL: name,
        _PURCHASE: str(spec["purchase"]),
        _GPU_MODEL: str(spec["model"]),
        _GPU_PRESENT: "true",
        _REGION: str(spec["region"]),
    }
    terms = {"count": _number(spec["count"]), "hours": _number(spec.get("hours", 0)), "price_book": str(settings.get("priceBook", ""))}
    return {
        "pool": _config_map(f"node-pool-{name}", terms, pool),
        "bounds": _quota(f"node-pool-{name}", {"requests.nvidia.com/gpu": terms["count"]}),
    }


def _config_map(name: str, data: Mapping[str, str], labels: Mapping[str, str] | None = None) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": dict(labels or {})}, "data": dict(data)}


def _quota(name: str, hard: Mapping[str, str]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": name}, "spec": {"hard": dict(hard)}}


def _number(value: float) -> str:
    """Return a number without a decimal point where it is whole: on the wire every number is a float."""
    return str(int(value)) if float(value).is_integer() else str(value)


_KINDS: Final = {"AiEnvironment": _environment, "GpuPool": _gpu_pool}
