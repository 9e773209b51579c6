"""Parts of a stack that are in no graph: objects that something else will create, such as those of a Helm chart.

No rule can judge them and no price covers them, so each is reported, with the command that renders them for ``--manifests``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from stacks.graph import Resource
from stacks.graph.marks import without_marks

_RELEASE: Final = "kubernetes:helm.sh/v3:Release"
#: Components of Pulumi's Kubernetes provider that declare their objects as children, and what they read.
_UNPACK: Final = {
    **dict.fromkeys(("kubernetes:helm.sh/v3:Chart", "kubernetes:helm.sh/v4:Chart"), "`helm template`"),
    **dict.fromkeys(("kubernetes:kustomize:Directory", "kubernetes:kustomize/v2:Directory"), "`kubectl kustomize`"),
    **{
        f"kubernetes:yaml{version}:{kind}": "the program that writes its files"
        for version in ("", "/v2")
        for kind in ("ConfigFile", "ConfigGroup")
    },
}
#: Objects from which a controller creates others, by API group and kind, and what renders those.
_MADE_BY_CONTROLLERS: Final = {
    ("helm.toolkit.fluxcd.io", "HelmRelease"): "`helm template`",
    ("kustomize.toolkit.fluxcd.io", "Kustomization"): "`flux build kustomization` or `kubectl kustomize`",
    ("argoproj.io", "Application"): "`argocd app manifests`",
    ("argoproj.io", "ApplicationSet"): "`argocd app manifests` for each application",
    ("helm.cattle.io", "HelmChart"): "`helm template`",
    ("helm.crossplane.io", "Release"): "`helm template`",
    ("fleet.cattle.io", "GitRepo"): "`fleet apply --output`",
    ("kappctrl.k14s.io", "App"): "`ytt` or `helm template`",
}


def unseen(resources: Iterable[Resource]) -> Iterator[str]:
    """Yield a sentence for each resource with objects that are not in the graph."""
    found = list(resources)
    parents = {resource.parent for resource in found}
    for resource in found:
        if resource.type == _RELEASE:
            name = without_marks(resource.inputs).get("name") or resource.name
            yield f"the objects of Helm release {name} are not in this graph; {_rendered(_command(resource))}"
        elif resource.type in _UNPACK and resource.urn not in parents:
            kind = resource.type.rpartition(":")[2]
            yield f"the objects of {kind} {resource.name} are not in this graph; {_rendered(_UNPACK[resource.type])}"
        elif resource.is_object and (tool := _MADE_BY_CONTROLLERS.get(_group_and_kind(resource))):
            yield f"the objects that a controller makes of {resource.label} are not in this graph; {_rendered(tool)}"


def _rendered(tool: str) -> str:
    return f"render them with {tool} and read them with --manifests"


def _command(release: Resource) -> str:
    """``helm template`` with the release's chart. The values are left out, because they may contain secrets."""
    inputs = without_marks(release.inputs)
    repository = inputs.get("repositoryOpts")
    options = {
        "--namespace": inputs.get("namespace"),
        "--repo": repository.get("repo") if isinstance(repository, dict) else None,
        "--version": inputs.get("version"),
    }
    words = ["helm template", inputs.get("name") or release.name, inputs.get("chart") or "CHART"]
    words += [f"{option} {value}" for option, value in options.items() if isinstance(value, str)]
    return f"`{' '.join(map(str, words))}`" + (" and its values" if inputs.get("values") or inputs.get("valueYamlFiles") else "")


def _group_and_kind(resource: Resource) -> tuple[str, str]:
    return str(resource.inputs["apiVersion"]).rpartition("/")[0], resource.kind
