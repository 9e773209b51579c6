"""What managed Kubernetes writes on its nodes, where this project's own labels are missing: cloud, pool, purchase and GPU model.

AWS (EKS, Karpenter), Google (GKE) and Azure (AKS) label nodes by themselves; ``spec.providerID`` names the cloud. NVIDIA's GPU feature
discovery writes the product's full name, which the price book shortens.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_CLOUDS: Final = {"aws": "aws", "gce": "gcp", "azure": "azure"}
_POOLS: Final = (
    "karpenter.sh/nodepool",
    "eks.amazonaws.com/nodegroup",
    "cloud.google.com/gke-nodepool",
    "kubernetes.azure.com/agentpool",
)
#: Labels with the value that means spot.
_SPOT: Final = {
    "karpenter.sh/capacity-type": "spot",
    "eks.amazonaws.com/capacityType": "SPOT",
    "cloud.google.com/gke-spot": "true",
    "kubernetes.azure.com/scalesetpriority": "spot",
}
_PRODUCT: Final = re.compile(r"(?:NVIDIA-|Tesla-)+(?P<model>[A-Z]+[0-9]+[A-Z]*)(?P<rest>.*)")
#: Models that the price book has in more than one size, with the size that its plain name means.
_PLAIN_SIZE: Final = {"A100": "40GB"}


def pool_of(labels: Mapping[str, str]) -> str | None:
    """Return the pool that a cloud's label names."""
    return next((labels[name] for name in _POOLS if labels.get(name)), None)


def purchase_of(labels: Mapping[str, str]) -> str:
    """Return ``spot`` if a cloud's label says so, else ``on-demand``."""
    return "spot" if any(labels.get(name) == value for name, value in _SPOT.items()) else "on-demand"


def price_reference(provider_id: str, region: str, instance_type: str) -> str | None:
    """Return the row of the price book, ``aws/us-east-1/p5.4xlarge``; None if a part of it is unknown."""
    cloud = _CLOUDS.get(provider_id.partition(":")[0])
    return f"{cloud}/{region}/{instance_type}" if cloud and region and instance_type else None


def gpu_model(product: str | None) -> str | None:
    """Return the price book's name of a GPU product; one that is short already stays.

    >>> gpu_model("NVIDIA-H100-80GB-HBM3"), gpu_model("NVIDIA-A100-SXM4-80GB"), gpu_model("Tesla-T4"), gpu_model("L40S")
    ('H100', 'A100-80GB', 'T4', 'L40S')
    """
    if product is None or (match := _PRODUCT.fullmatch(product)) is None:
        return product
    model, plain = match["model"], _PLAIN_SIZE.get(match["model"])
    size = re.search(r"-([0-9]+GB)", match["rest"])
    return f"{model}-{size[1]}" if plain and size and size[1] != plain else model
