"""A pod of a check's own: made for it, asked by commands in its container, and removed with it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from sandtable.jobs.verify.check import CheckFailedError, NotRunError, require, wait_until
from sandtable.jobs.verify.ground import Pod
from stacks.clusters.api import listing
from stacks.components.images import image
from stacks.components.pods import NOBODY
from stacks.graph import labels

if TYPE_CHECKING:
    from sandtable.jobs.verify.ground import Ground

CONTAINER: Final = "main"
_STARTS_WITHIN_S: Final = 90.0
_POLL_S: Final = 0.3


@contextmanager
def own_pod(
    ground: Ground, namespace: str, image_name: str, command: list[str], *, more_labels: Mapping[str, str], volume: Mapping[str, Any]
) -> Iterator[Pod]:
    """Yield a running pod with one container, called ``main``, and ``volume`` mounted at ``/mounted``; it keeps the profile `restricted`.

    Raises:
        NotRunError: we may not make it.
        CheckFailedError: it does not start.
    """
    name = f"sandtable-verify-{secrets.token_hex(3)}"
    place = f"{listing('v1', 'pods', namespace)}/{name}"
    own = {labels.ENVIRONMENT: ground.environment.name, **more_labels}
    metadata = {"name": name, "namespace": namespace, "labels": own}
    answer = ground.api.create({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": _spec(image(image_name), command, volume)})
    if not answer.ok:
        raise NotRunError(f"a pod of our own is refused in {namespace}: {answer.message}")
    try:
        yield _running(ground, place)
    finally:
        ground.api.send("DELETE", place, query={"gracePeriodSeconds": "0"})


def _running(ground: Ground, place: str) -> Pod:
    def running() -> Pod:
        pod = Pod(ground.api.get(place) or {})
        status = pod.document.get("status", {})
        states = [one["state"] for one in status.get("containerStatuses") or ()]
        require(states and "running" in states[0], f"it is {states[0] if states else status.get('phase', 'gone')}")
        return pod

    why = (CheckFailedError,)
    return wait_until(running, "a pod of our own has not started", within_s=_STARTS_WITHIN_S, poll_s=_POLL_S, despite=why).answer


def _spec(reference: str, command: list[str], volume: Mapping[str, Any]) -> dict[str, Any]:
    size = {"cpu": "10m", "memory": "64Mi"}
    main = {
        "name": CONTAINER,
        "image": reference,
        "imagePullPolicy": "IfNotPresent",
        "command": command,
        "resources": {"requests": size, "limits": {**size, "cpu": "200m"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "runAsUser": NOBODY,
        },
        "volumeMounts": [{"name": "mounted", "mountPath": "/mounted", "readOnly": True}],
    }
    return {
        "automountServiceAccountToken": False,
        "restartPolicy": "Never",
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [main],
        "volumes": [{"name": "mounted", **volume}],
    }
