"""Sources that must be rendered into manifests: Kustomizations, Helm charts, templates. The error names the command for it.

Reading their files unrendered would judge objects that are never deployed: bases without their patches, and the reverse.
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
#: Actions of Go and Jinja templates, and variables that `envsubst` or Flux substitute.
_ACTION: Final = re.compile(r"\{\{")
_HOLE: Final = re.compile(r"\{\{|\$\{")


def refuse_unrendered_folder(folder: Path, names: Iterable[str]) -> None:
    """Reject a folder that is rendered as a whole; called before its files are read, because their errors would be misleading.

    Raises:
        ConfigurationError: it is a Helm chart, or has a ``Kustomization`` file without an extension, which is not read otherwise.
    """
    found = set(names)
    if _CHART in found:
        raise ConfigurationError(f"{folder}: is a Helm chart; {_helm(folder)}")
    if kustomization := next((name for name in _KUSTOMIZATIONS if name in found and _is_kustomize(folder / name)), None):
        raise ConfigurationError(f"{folder / kustomization}: {_kustomize(folder)}")


def refuse_unrendered_document(document: Any, path: Path) -> None:
    """Reject a document that must be rendered.

    Raises:
        ConfigurationError: it is a Kustomization, a chart's own file, or an object with a placeholder in its name.
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
    """Return the fix for a text that is not YAML because it is a template; empty if it is not a template.

    >>> template_hint("replicas: 2", Path("web.yaml"))
    ''
    """
    action = _ACTION.search(text)
    return f"{path}:{text.count(chr(10), 0, action.start()) + 1}: this is a template; {_template(path)}" if action else ""


def _is_kustomize(path: Path) -> bool:
    """Whether it is kustomize's own file; Flux has a kind with the same name."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False  # the next reader reports the error
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
