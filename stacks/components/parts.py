"""Small parts of a pod: probes, environment sources, volumes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi_kubernetes as k8s

from stacks.components.pods import memory_quantity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def http_probe(
    path: str, port: str | int, *, delay_s: int | None = None, period_s: int = 10, failures: int = 3, tls: bool = False
) -> k8s.core.v1.ProbeArgs:
    """Return a probe that requests ``path``: first after ``delay_s``, then every ``period_s``; it fails after ``failures``."""
    return k8s.core.v1.ProbeArgs(
        http_get=k8s.core.v1.HTTPGetActionArgs(path=path, port=port, scheme="HTTPS" if tls else "HTTP"),
        initial_delay_seconds=delay_s,
        period_seconds=period_s,
        failure_threshold=failures,
        timeout_seconds=3,
    )


def command_probe(command: Sequence[str], *, delay_s: int | None = None, period_s: int = 10, failures: int = 3) -> k8s.core.v1.ProbeArgs:
    """Return a probe that runs ``command`` inside the container."""
    return k8s.core.v1.ProbeArgs(
        exec_=k8s.core.v1.ExecActionArgs(command=list(command)),
        initial_delay_seconds=delay_s,
        period_seconds=period_s,
        failure_threshold=failures,
        timeout_seconds=3,
    )


def tcp_probe(port: str | int, *, period_s: int = 10, failures: int = 3) -> k8s.core.v1.ProbeArgs:
    """Return a probe that opens a connection."""
    return k8s.core.v1.ProbeArgs(
        tcp_socket=k8s.core.v1.TCPSocketActionArgs(port=port), period_seconds=period_s, failure_threshold=failures, timeout_seconds=3
    )


def from_secret(name: str, key: str) -> k8s.core.v1.EnvVarSourceArgs:
    """Return the value of one key of a Secret of the pod's namespace."""
    return k8s.core.v1.EnvVarSourceArgs(secret_key_ref=k8s.core.v1.SecretKeySelectorArgs(name=name, key=key))


def from_field(path: str) -> k8s.core.v1.EnvVarSourceArgs:
    """Return a field of the pod itself: ``metadata.name``, ``status.podIP``, ``spec.nodeName``."""
    return k8s.core.v1.EnvVarSourceArgs(field_ref=k8s.core.v1.ObjectFieldSelectorArgs(field_path=path))


def scratch(name: str, size_mib: int, *, memory: bool = False) -> k8s.core.v1.VolumeArgs:
    """Return an ``emptyDir`` that lives as long as the pod; in ``memory`` for keys, which must not reach a disk."""
    return k8s.core.v1.VolumeArgs(
        name=name,
        empty_dir=k8s.core.v1.EmptyDirVolumeSourceArgs(size_limit=memory_quantity(size_mib), medium="Memory" if memory else None),
    )


def from_config_map(name: str, config_map: str, *, mode: int | None = None, keys: Sequence[str] = ()) -> k8s.core.v1.VolumeArgs:
    """Return a volume with the keys of a ConfigMap as files; ``mode`` is a number, for instance 0o555 for scripts.

    With ``keys``, only these are files, and the pod starts when the ConfigMap has them all.
    """
    items = [k8s.core.v1.KeyToPathArgs(key=key, path=key) for key in keys] or None
    source = k8s.core.v1.ConfigMapVolumeSourceArgs(name=config_map, default_mode=mode, items=items)
    return k8s.core.v1.VolumeArgs(name=name, config_map=source)


def secret_files(name: str, secret: str) -> k8s.core.v1.VolumeArgs:
    """Return a volume with the keys of a Secret as files that only their owner can read."""
    return k8s.core.v1.VolumeArgs(name=name, secret=k8s.core.v1.SecretVolumeSourceArgs(secret_name=secret, default_mode=0o440))


def host_path(name: str, path: str, kind: str = "DirectoryOrCreate") -> k8s.core.v1.VolumeArgs:
    """Return a directory (or ``Socket``, ``File`` …) of the node; namespaces with the restricted profile reject it."""
    return k8s.core.v1.VolumeArgs(name=name, host_path=k8s.core.v1.HostPathVolumeSourceArgs(path=path, type=kind))


def workload_api(name: str = "workload-api") -> k8s.core.v1.VolumeArgs:
    """Return the socket of the SPIFFE Workload API, mounted by SPIRE's CSI driver."""
    return k8s.core.v1.VolumeArgs(name=name, csi=k8s.core.v1.CSIVolumeSourceArgs(driver="csi.spiffe.io", read_only=True))


def claimed(name: str, claim: str, *, read_only: bool = True) -> k8s.core.v1.VolumeArgs:
    """Return the volume of an existing claim; read-only, many pods can mount it."""
    return k8s.core.v1.VolumeArgs(
        name=name, persistent_volume_claim=k8s.core.v1.PersistentVolumeClaimVolumeSourceArgs(claim_name=claim, read_only=read_only or None)
    )


def storage_claim(name: str, gib: int, claim_labels: Mapping[str, str]) -> k8s.core.v1.PersistentVolumeClaimArgs:
    """Return the claim template of a StatefulSet; it uses the cluster's default StorageClass.

    Claims outlive their StatefulSet, so they carry their own labels for owner and cost centre, as of their creation
    (``Component.options_with_claims``).
    """
    return k8s.core.v1.PersistentVolumeClaimArgs(
        metadata=k8s.meta.v1.ObjectMetaArgs(name=name, labels=dict(claim_labels)), spec=claim_spec(gib)
    )


def claim_spec(gib: int) -> k8s.core.v1.PersistentVolumeClaimSpecArgs:
    """Return what asks for a volume of the cluster's default StorageClass for one node at a time."""
    return k8s.core.v1.PersistentVolumeClaimSpecArgs(
        access_modes=["ReadWriteOnce"], resources=k8s.core.v1.VolumeResourceRequirementsArgs(requests={"storage": f"{gib}Gi"})
    )
