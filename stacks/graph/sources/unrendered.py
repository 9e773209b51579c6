"""What becomes manifests only when a program renders it: Kustomizations, Helm charts, templates. Told with the command that does.

To read their parts as they lie there would judge what is never deployed: bases without their patches, patches without their bases.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from stacks.errors import ConfigurationError

_KUSTOMIZATIONS: Final = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_KUSTOMIZE: Final = "kustomize.config.k8s.io/"
_CHART: Final = "Chart.yaml"
#: Actions of Go and Jinja templates, and variables that `envsubst` or Flux put in.
_ACTION: Final = re.compile(r"\{\{")
_HOLE: Final = re.compile(r"\{\{|\$\{")


def refuse_unrendered_folder(folder: Path, names: Iterable[str]) -> None:
    """Refuse a folder that is rendered as a whole; called before its files are read, whose errors would lead astray.

    Raises:
        ConfigurationError: it is a Helm chart, or a Kustomization without an ending, which no other look would find.
    """
    found = set(names)
    if _CHART in found:
        raise ConfigurationError(f"{folder}: is a Helm chart; {_helm(folder)}")
    if kustomization := next((name for name in _KUSTOMIZATIONS if name in found and _is_kustomize(folder / name)), None):
        raise ConfigurationError(f"{folder / kustomization}: {_kustomize(folder)}")


def refuse_unrendered_document(document: Any, path: Path) -> None:
    """Refuse a document that a program renders.

    Raises:
        ConfigurationError: it is a Kustomization, a chart's own file, or an object whose name is to be filled in.
    """
    if not isinstance(document, Mapping):
        return
    kind, version = document.get("kind"), str(document.get("apiVersion", ""))
    if version.startswith(_KUSTOMIZE) or (path.name in _KUSTOMIZATIONS and not kind):
        raise ConfigurationError(f"{path}: {_kustomize(path.parent)}")
    if path.name == _CHART and not kind:
        raise ConfigurationError(f"{path.parent}: is a Helm chart; {_helm(path.parent)}")
    metadata = document.get("metadata")
    named = [metadata.get(key) for key in ("name", "namespace")] if isinstance(metadata, Mapping) else []
    if hole := next((value for value in (kind, version, *named) if isinstance(value, str) and _HOLE.search(value)), None):
        raise ConfigurationError(f"{path}: {hole!r} is to be filled in, so this is a template; {_template(path)}")


def template_hint(text: str, path: Path) -> str:
    """Return what to do with a text that is not YAML because it is a template; empty where it is none.

    >>> template_hint("replicas: 2", Path("web.yaml"))
    ''
    """
    action = _ACTION.search(text)
    return f"{path}:{text.count(chr(10), 0, action.start()) + 1}: this is a template; {_template(path)}" if action else ""


def _is_kustomize(path: Path) -> bool:
    """Whether it is kustomize's own file; Flux calls one of its kinds by the same name."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False  # whoever reads it next says why
    version = re.search(r"^apiVersion:\s*['\"]?([^\s'\"]*)", text, re.MULTILINE)
    return version is None or version[1].startswith(_KUSTOMIZE)


def _kustomize(folder: Path) -> str:
    return f"is a Kustomization; render it with `kubectl kustomize {folder} > rendered.yaml` and read that"


def _helm(folder: Path) -> str:
    return f"render it with `helm template NAME {folder} > rendered.yaml` and read that"


def _template(path: Path) -> str:
    chart = next((folder for folder in path.absolute().parents if (folder / _CHART).is_file()), None)
    if chart is not None:
        return _helm(chart)
    return "render it (`helm template` for one of Helm, `envsubst` for variables) and read that"
