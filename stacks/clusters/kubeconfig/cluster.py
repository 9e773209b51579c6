"""A cluster behind a context of a kubeconfig. Others own it: it is checked before the first change, and never stopped or deleted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stacks.clusters import needs
from stacks.clusters.kubeconfig import files
from stacks.clusters.kubeconfig.connection import connect
from stacks.clusters.port import ClusterStatus
from stacks.environment import Environment
from stacks.errors import ClusterError, ConfigurationError

_TIMEOUT_S: Final = 10
_UNAUTHORIZED: Final = 401
#: User name and password in a URL.
_USERINFO: Final = re.compile(r"//[^/@]*@")


@dataclass(frozen=True)
class KubeconfigCluster:
    """A cluster behind one context; ``kubeconfigs`` are all files that define it, ``kubeconfig`` is the one with the context."""

    environment: Environment
    kubeconfigs: tuple[Path, ...]
    kubeconfig: Path
    context: str

    @property
    def name(self) -> str:
        """Name of the environment."""
        return self.environment.name

    @classmethod
    def of(cls, environment: Environment, root: Path) -> KubeconfigCluster:
        """Find files and context as ``kubectl`` would: the environment's (relative to ``root``), then $KUBECONFIG, then ~/.kube/config.

        Raises:
            ConfigurationError: a file, the context, or the context's cluster or user does not exist.
        """
        merged = files.read(files.named(environment.cluster.kubeconfig, root))
        context = environment.cluster.context or merged.current_context
        return cls(environment, merged.needed_for(context), merged.context(context).file, context)

    def start(self) -> None:
        """Check that it answers, serves the stack's kinds, lets us change them, and has the nodes; start nothing.

        Raises:
            ClusterError: it does not answer, rejects our credentials, lacks a kind or nodes, or denies a permission that the stack needs.
        """
        from stacks.graph.sources import from_program

        graph = from_program(self.environment)
        place = f"context {self.context!r} of {self.kubeconfig}"
        with self._explained():
            api = connect(self.kubeconfigs, self.context)
            served = needs.served(api, graph)
            unknown = [kind for kind in needs.kinds(graph) if kind not in served]
            lacking = needs.refused(api, sorted((version.rpartition("/")[0], plural) for (version, _), plural in served.items()))
            missing = needs.nodes_missing(api, graph)
        faults = [f"it does not serve {kind} ({version}): install the CRD or API server that does" for version, kind in unknown]
        faults += [f"it does not allow us to {verbs}: {', '.join(resources)}" for verbs, resources in lacking.items()]
        faults += missing
        if faults:
            lines = "\n".join(f"  {fault}" for fault in faults)
            raise ClusterError(
                f"{place}: the cluster lacks what the stack needs, and nothing was changed; correct it, or choose another context:\n{lines}"
            )

    def stop(self) -> None:
        """Do nothing: others own the cluster."""

    def delete(self) -> None:
        """Do nothing: others own the cluster."""

    def status(self) -> ClusterStatus:
        """Return whether its API answers."""
        from kubernetes import client

        note = ""
        try:
            with self._explained():
                client.VersionApi(connect(self.kubeconfigs, self.context)).get_code(_request_timeout=_TIMEOUT_S)
        except (ClusterError, ConfigurationError) as error:
            note = str(error)
        return ClusterStatus(
            self.name, "kubeconfig", running=not note, server=self._server(), nodes_are_played=False, note=note, context=self.context
        )

    @contextmanager
    def _explained(self) -> Iterator[None]:
        from kubernetes import client
        from urllib3.exceptions import HTTPError

        place = f"context {self.context!r} of {self.kubeconfig}"
        try:
            yield
        except client.ApiException as error:
            answer = "does not know these credentials" if error.status == _UNAUTHORIZED else f"answers {error.status} {error.reason}"
            raise ClusterError(f"{place}: the cluster {answer}; renew them, or choose another context") from error
        except (HTTPError, OSError, ValueError) as error:
            # A ValueError is about an address or a header, and its text repeats the value.
            reason = "its address is malformed" if isinstance(error, ValueError) else str(getattr(error, "reason", error))
            raise ClusterError(f"{place}: no answer from {self._server()}: {_USERINFO.sub('//', reason)}") from None

    def _server(self) -> str | None:
        server = files.read(self.kubeconfigs).cluster_of(self.context).value.get("server")
        return None if server is None else _USERINFO.sub("//", str(server))
