"""Every image of the catalogue says how it is made on this machine, or why it cannot be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import toolchain
from stacks import rebuilt_images as module
from stacks.components.images import Catalogue, catalogue
from stacks.errors import ConfigurationError
from stacks.graph import Graph, Resource
from stacks.rebuilt_images import images_of, rebuilt_images

ROOT = Path(__file__).parents[3]
#: Programs that work as root on the node itself.
AS_ROOT = {"spire-agent", "spiffe-csi-driver", "csi-node-driver-registrar"}


@pytest.mark.parametrize("name", sorted(catalogue().entries))
def test_every_image_is_made_of_what_is_there_or_says_why_not(name: str) -> None:
    found = rebuilt_images()[name]
    assert bool(found.wanted) != bool(found.reason)
    if not found.wanted:
        assert "does not say how" not in found.reason
        return
    recipe = found.wanted.recipe
    assert set(recipe.tools.values()) <= set(toolchain.bundled())
    assert [source for source in recipe.files.values() if not (ROOT / source).exists()] == []
    assert (recipe.user == 0) == (name in AS_ROOT)
    assert not {"build-essential", "clang", "cpp", "g++", "gcc", "make"} & set(recipe.packages)
    assert recipe.entrypoint or recipe.command


def test_a_version_that_is_not_the_pinned_one_is_told() -> None:
    differing = {each.name: each.version for each in rebuilt_images().values() if each.differs}
    assert differing == {"csi-node-driver-registrar": "1.0.0", "postgresql": "17.12", "redis": "8.0.2"}


def entries(monkeypatch: pytest.MonkeyPatch, **found: dict[str, Any]) -> None:
    known = Catalogue("own.example", found)
    monkeypatch.setattr(module, "catalogue", lambda: known)
    monkeypatch.setattr("stacks.components.images.catalogue", lambda: known)


def test_a_digest_cannot_be_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    entries(monkeypatch, a={"repository": "team/a", "tag": "1.0", "digest": "sha256:" + "0" * 64, "rebuild": {}})
    with pytest.raises(ConfigurationError, match=r"\[a\]: a `digest` names exactly one build"):
        rebuilt_images()


def test_two_images_that_one_mirror_cannot_tell_apart_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    same = {"repository": "team/a", "tag": "1.0", "rebuild": {}}
    entries(monkeypatch, a={"registry": "one.example", **same}, b={"registry": "two.example", **same})
    with pytest.raises(ConfigurationError, match=r"\[b\] and \[a\] differ in their registry alone"):
        rebuilt_images()


def test_the_images_of_a_graph_are_those_of_its_containers_init_containers_and_functions() -> None:
    def resource(kind: str, api: str, **spec: Any) -> Resource:
        document = {"apiVersion": api, "kind": kind, "metadata": {"name": kind.lower()}, "spec": spec}
        return Resource(urn=kind, name=kind, type=f"kubernetes:{api}:{kind}", inputs=document)

    pods = {"template": {"spec": {"initContainers": [{"image": "a:1"}], "containers": [{"image": "b:1"}, {"image": "c:1"}]}}}
    graph = Graph((resource("Deployment", "apps/v1", **pods), resource("Function", "pkg.crossplane.io/v1", package="d:1")))
    assert images_of(graph) == {"a:1", "b:1", "c:1", "d:1"}
