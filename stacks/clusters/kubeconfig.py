"""Any cluster that the user names with a kubeconfig. It is somebody's: checked before the first change, never stopped or deleted."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from stacks.clusters import needs
from stacks.clusters.port import ClusterStatus
from stacks.environment import Environment
from stacks.errors import ClusterError, ConfigurationError

_TIMEOUT_S: Final = 10
_UNAUTHORIZED: Final = 401
_MEND: Final = "name another with `cluster.kubeconfig` in the environment, or with $KUBECONFIG"


@dataclass(frozen=True)
class KubeconfigCluster:
    """A cluster behind one context of one kubeconfig file."""

    environment: Environment
    kubeconfig: Path
    context: str

    @property
    def name(self) -> str:
        """Name of the environment."""
        return self.environment.name

    @classmethod
    def of(cls, environment: Environment, root: Path) -> KubeconfigCluster:
        """Find file and context as ``kubectl`` would: the environment's (beneath ``root``), then $KUBECONFIG, then ~/.kube/config.

        Of several files in $KUBECONFIG the first one that has the context counts; a context and its cluster stand in one file.

        Raises:
            ConfigurationError: no such file, or no such context in it.
        """
        paths = _paths(environment, root)
        contexts: list[str] = []
        context = environment.cluster.context or ""
        for path in paths:
            document = _read(path)
            context = context or str(document.get("current-context") or "")
            here = [str(entry["name"]) for entry in document.get("contexts") or ()]
            if context in here:
                return cls(environment, path, context)
            contexts += here
        close = difflib.get_close_matches(context, contexts, n=1)
        hint = f" — did you mean {close[0]!r}?" if close else ""
        places = ", ".join(str(path) for path in paths)
        raise ConfigurationError(f"{places}: no context {context!r}; there is {', '.join(contexts) or 'none'}{hint}")

    def start(self) -> None:
        """Check that it answers, serves what the stack is made of, lets us change it, and has the nodes; nothing is started.

        Raises:
            ClusterError: it does not answer, does not know us, lacks a kind or nodes, or refuses something that the stack needs.
        """
        from stacks.graph.sources import from_program

        graph = from_program(self.environment)
        place = f"context {self.context!r} of {self.kubeconfig}"
        with self._explained():
            api = connect(self.kubeconfig, self.context)
            served = needs.served(api, graph)
            unknown = [kind for kind in needs.kinds(graph) if kind not in served]
            lacking = needs.refused(api, sorted((version.rpartition("/")[0], plural) for (version, _), plural in served.items()))
            missing = needs.nodes_missing(api, graph)
        faults = [f"it does not know {kind} ({version}): install what serves it" for version, kind in unknown]
        faults += [f"it does not allow us to {verbs}: {', '.join(resources)}" for verbs, resources in lacking.items()]
        faults += missing
        if faults:
            lines = "\n".join(f"  {fault}" for fault in faults)
            raise ClusterError(
                f"{place}: the cluster lacks what the stack needs, and nothing was changed; mend it, or choose another context:\n{lines}"
            )

    def stop(self) -> None:
        """Do nothing: the cluster is somebody's."""

    def delete(self) -> None:
        """Do nothing: the cluster is somebody's."""

    def status(self) -> ClusterStatus:
        """Tell whether its API answers."""
        from kubernetes import client

        note = ""
        try:
            with self._explained():
                client.VersionApi(connect(self.kubeconfig, self.context)).get_code(_request_timeout=_TIMEOUT_S)
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
        except (HTTPError, OSError) as error:
            raise ClusterError(f"{place}: no answer from {self._server()}: {getattr(error, 'reason', error)}") from error

    def _server(self) -> str | None:
        document = _read(self.kubeconfig)
        cluster = next((entry["context"].get("cluster") for entry in document["contexts"] if entry["name"] == self.context), None)
        return next((entry["cluster"].get("server") for entry in document.get("clusters") or () if entry["name"] == cluster), None)


def connect(kubeconfig: Path, context: str) -> Any:
    """Return a client of the cluster behind ``context``. The file is read, never written, not even with a renewed token.

    Raises:
        ConfigurationError: there is no such context in it, or its credentials cannot be used.
        ClusterError: the credentials have run out, and whoever issues them does not renew them.
    """
    from kubernetes import client, config
    from oauthlib.oauth2 import OAuth2Error  # type: ignore[import-untyped]  # what a login by OIDC fails with
    from urllib3.exceptions import HTTPError

    load: Any = config.load_kube_config
    configuration = client.Configuration()
    configuration.retries = False
    try:
        load(str(kubeconfig), context, configuration, persist_config=False)
    except (config.ConfigException, ValueError, KeyError, TypeError, AttributeError) as error:  # the last of values of a wrong type
        raise ConfigurationError(f"{kubeconfig}: context {context!r} cannot be used: {error}") from error
    except (OAuth2Error, client.ApiException, HTTPError, OSError) as error:
        raise ClusterError(f"{kubeconfig}: the credentials of context {context!r} cannot be renewed: {error}; log in again") from error
    return client.ApiClient(configuration)


def _paths(environment: Environment, root: Path) -> list[Path]:
    """Return where to look, in this order; of a list in $KUBECONFIG those files that exist, or its first where none does."""
    if environment.cluster.kubeconfig:
        folder, named = root, [environment.cluster.kubeconfig]
    else:
        folder = Path()
        named = [entry for entry in os.environ.get("KUBECONFIG", "").split(os.pathsep) if entry] or ["~/.kube/config"]
    paths = []
    for entry in named:
        try:
            paths.append((folder / Path(entry).expanduser()).absolute())
        except RuntimeError as error:
            raise ConfigurationError(f"{entry}: there is no such home folder; {_MEND}") from error
    return [path for path in paths if path.exists()] or paths[:1]


def _read(path: Path) -> dict[str, Any]:
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ConfigurationError(f"{path}: the kubeconfig cannot be read: {reason}; {_MEND}") from error
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{path}: the kubeconfig is not YAML: {' '.join(str(error).split())}; {_MEND}") from error
    if not isinstance(document, dict):
        raise ConfigurationError(f"{path}: this is no kubeconfig; {_MEND}")
    for key in ("cluster", "context", "user"):
        entries = document.get(f"{key}s") or []
        for index, entry in enumerate(entries if isinstance(entries, list) else [entries]):
            if not isinstance(entry, dict) or "name" not in entry or not isinstance(entry.get(key), dict):
                raise ConfigurationError(f"{path}: {key}s[{index}]: `name` and `{key}` are expected; mend it, or {_MEND}")
            if key == "cluster" and not isinstance(entry[key].get("server", ""), str):
                raise ConfigurationError(f"{path}: clusters[{index}].cluster.server: a URL is expected; mend it, or {_MEND}")
    return document
