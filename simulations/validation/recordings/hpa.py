"""Records the real HorizontalPodAutoscaler: kube-controller-manager of an embedded cluster, with CPU readings that we feed.

    python -m simulations.validation.recordings.hpa simulations/validation/recordings/hpa.json

Some six minutes. Pods are played by KWOK. Their CPU is a plan of millicores for all ready pods together (:func:`demand_m`), served as
``metrics.k8s.io`` by a server of our own behind the API aggregation layer. Each look of the controller at the readings is one record: what
it was told, what it could know of each pod, and the replicas at that moment; the decision is the replicas of the next record.
"""

from __future__ import annotations

import datetime as dt
import http.server
import json
import ssl
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Final

from foundation.processes.atomic_file import write_text
from foundation.processes.free_port import LOOPBACK, free_port
from stacks.clusters.embedded import EmbeddedCluster
from stacks.clusters.embedded.access import Connection
from stacks.clusters.embedded.certificates import Authority
from stacks.graph import labels

#: Millicores that a pod requests, and the most that it may use.
REQUEST_M, LIMIT_M = 100, 250
#: Seconds of a reading.
WINDOW_S: Final = 15
#: The part of the autoscaler's spec that decides.
SPEC: Final[dict[str, Any]] = {
    "minReplicas": 1,
    "maxReplicas": 9,
    "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}],
    "behavior": {
        "scaleUp": {"policies": [{"type": "Pods", "value": 3, "periodSeconds": 30}], "selectPolicy": "Max"},
        "scaleDown": {
            "stabilizationWindowSeconds": 45,
            "policies": [{"type": "Pods", "value": 2, "periodSeconds": 30}, {"type": "Percent", "value": 20, "periodSeconds": 30}],
            "selectPolicy": "Max",
        },
    },
}
#: From each second on, the millicores of all ready pods together.
DEMAND: Final = ((0, 45), (45, 160), (90, 420), (165, 330), (210, 60), (330, 54))
SECONDS: Final = 375
#: While this lasts, the first pod has no reading.
BLIND: Final = (105, 135)
_SPACE, _NAME = "recording", "web"
_PODS: Final = f"/api/v1/namespaces/{_SPACE}/pods?labelSelector=app%3D{_NAME}"


def demand_m(at_s: float) -> int:
    """Return the millicores of all ready pods together."""
    return [m for start_s, m in DEMAND if start_s <= at_s][-1]


class Recorder:
    """Answers for ``metrics.k8s.io`` and keeps what it said."""

    def __init__(self, api: Connection) -> None:
        self.records: list[dict[str, Any]] = []
        self.begun = time.time()
        self._api = api
        self._lock = threading.Lock()

    def readings(self) -> dict[str, Any]:
        """Return a ``PodMetricsList`` of this moment, and record it."""
        with self._lock:
            now = time.time()
            scale = self._api.get(f"/apis/apps/v1/namespaces/{_SPACE}/deployments/{_NAME}/scale") or {}
            pods = sorted((self._api.get(_PODS) or {}).get("items", []), key=lambda pod: pod["metadata"]["creationTimestamp"])
            found = [_pod(pod, self.begun) for pod in pods if not pod["metadata"].get("deletionTimestamp")]
            ready = [pod for pod in found if pod["ready"]]
            at_s = now - self.begun
            for pod in ready:
                pod["cpu_m"] = min(LIMIT_M, demand_m(at_s) // len(ready))
            if BLIND[0] <= at_s < BLIND[1] and len(ready) > 1:
                ready[0]["cpu_m"] = None
            self.records.append({"at_s": round(at_s, 3), "replicas": scale["spec"]["replicas"], "pods": found})
            stamp = dt.datetime.fromtimestamp(now, tz=dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            items = [_metrics(pod["name"], pod["cpu_m"], stamp) for pod in found if pod["cpu_m"] is not None]
        return {"kind": "PodMetricsList", "apiVersion": "metrics.k8s.io/v1beta1", "metadata": {}, "items": items}


def _pod(pod: dict[str, Any], begun: float) -> dict[str, Any]:
    status = pod.get("status", {})
    condition: dict[str, Any] = next((c for c in status.get("conditions") or () if c["type"] == "Ready"), {})
    since = condition.get("lastTransitionTime")
    return {
        "name": pod["metadata"]["name"],
        "pending": status.get("phase") == "Pending",
        "ready": condition.get("status") == "True",
        "ready_since_s": None if since is None else round(dt.datetime.fromisoformat(since).timestamp() - begun, 3),
        "cpu_m": None,
    }


def _metrics(name: str, cpu_m: int, stamp: str) -> dict[str, Any]:
    containers = [{"name": "c", "usage": {"cpu": f"{cpu_m}m", "memory": "64Mi"}}]
    labelled = {"name": name, "namespace": _SPACE, "labels": {"app": _NAME}}
    return {"metadata": labelled, "timestamp": stamp, "window": f"{WINDOW_S}s", "containers": containers}


def main(file: Path) -> None:
    """Record, and write ``file``."""
    with tempfile.TemporaryDirectory(prefix="sandtable-") as folder:
        cluster = EmbeddedCluster("recording", Path(folder) / "cluster")
        try:
            cluster.start()
            recorder = Recorder(cluster.api())
            version = (cluster.api().get("/version") or {}).get("gitVersion")
            port = free_port()
            server = _serve(recorder, port, Path(folder))
            _prepare(cluster.api(), port)
            while time.time() - recorder.begun < SECONDS:
                time.sleep(1)
            server.shutdown()
            server.server_close()
        finally:
            cluster.delete()
    document = {
        "source": f"kube-controller-manager {version}, embedded control plane, pods played by KWOK, CPU readings fed",
        "script": "python -m simulations.validation.recordings.hpa",
        "recorded": dt.datetime.now(tz=dt.UTC).date().isoformat(),
        "request_m": REQUEST_M,
        "window_s": WINDOW_S,
        "spec": SPEC,
        "records": recorder.records,
    }
    write_text(file, json.dumps(document, indent=1) + "\n")
    print(f"{len(recorder.records)} records, replicas {[record['replicas'] for record in recorder.records]}")  # noqa: T201  # a script


def _serve(recorder: Recorder, port: int, folder: Path) -> http.server.ThreadingHTTPServer:
    Authority.make("metrics-ca", folder).issue(folder, "metrics", "metrics", hosts=("localhost",), addresses=(LOOPBACK,))
    resources = {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": "metrics.k8s.io/v1beta1",
        "resources": [{"name": "pods", "singularName": "", "namespaced": True, "kind": "PodMetrics", "verbs": ["get", "list"]}],
    }

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            listed = f"/namespaces/{_SPACE}/pods" in self.path
            body = json.dumps(recorder.readings() if listed else resources).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name in the base class
            pass

    server = http.server.ThreadingHTTPServer((LOOPBACK, port), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "metrics.crt", folder / "metrics.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def _prepare(api: Connection, port: int) -> None:
    """A node, a Deployment with its autoscaler, and the aggregated API that leads to our server."""
    offers = {labels.CAPACITY_CPU: "16", labels.CAPACITY_MEMORY: "64Gi", labels.CAPACITY_PODS: "110"}
    node = {"name": "fake-0", "annotations": {labels.KWOK_NODE: "fake", **offers}}
    api.apply({"apiVersion": "v1", "kind": "Node", "metadata": node})
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": _SPACE}})
    here = {"namespace": _SPACE}
    external = {"type": "ExternalName", "externalName": "localhost", "ports": [{"port": port}]}
    api.apply({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "metrics", **here}, "spec": external})
    group = {"group": "metrics.k8s.io", "version": "v1beta1", "groupPriorityMinimum": 100, "versionPriority": 100}
    leads = {"insecureSkipTLSVerify": True, "service": {"name": "metrics", "namespace": _SPACE, "port": port}}
    name = {"name": "v1beta1.metrics.k8s.io"}
    api.apply({"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": name, "spec": {**group, **leads}})
    asks = {"requests": {"cpu": f"{REQUEST_M}m"}}
    pod = {"containers": [{"name": "c", "image": "c:1.0.0", "resources": asks}], "automountServiceAccountToken": False}
    template = {"metadata": {"labels": {"app": _NAME}}, "spec": pod}
    spec = {"selector": {"matchLabels": {"app": _NAME}}, "template": template}
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": _NAME, **here}, "spec": spec}
    while not api.apply(deployment):
        time.sleep(0.5)  # the namespace's service account comes a little later
    target = {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": _NAME}}
    scaler = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": _NAME, **here}}
    assert api.apply({**scaler, "spec": {**target, **SPEC}}), "the API server takes the autoscaler"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
