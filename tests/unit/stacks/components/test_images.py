from __future__ import annotations

import re

import pytest

from stacks.components import images
from stacks.components.images import Catalogue
from stacks.errors import ConfigurationError

OWN = {
    "applications",
    "coordination",
    "emulator",
    "compression",
    "engine",
    "environment-function",
    "federation",
    "gateway",
    "reinforcement",
    "trainer",
}


@pytest.mark.parametrize("name", sorted(images.catalogue().entries))
def test_every_image_of_the_catalogue_is_pinned(name: str) -> None:
    assert re.search(r"@sha256:[0-9a-f]{64}$|:[^:@/]*\d+\.\d+[^:@/]*$|:RELEASE\.\d{4}-\d{2}-\d{2}\S*$", images.image(name))


@pytest.mark.parametrize("name", sorted(images.catalogue().entries))
def test_a_reference_names_its_registry(name: str) -> None:
    host = images.image(name).partition("/")[0]
    assert "." in host  # without a dot the runtime takes the first part for a folder of its default registry


def test_only_the_platforms_own_images_have_no_registry_of_their_own() -> None:
    own_registry, entries = images.catalogue()
    assert {name for name, entry in entries.items() if "registry" not in entry} == OWN
    assert all(entries[name]["repository"].startswith("sandtable/") for name in OWN)
    assert images.image("engine").startswith(f"{own_registry}/sandtable/engine:")


def test_a_digest_wins_over_the_tag(monkeypatch: pytest.MonkeyPatch) -> None:
    digest = "sha256:" + "0" * 64
    entry = {"registry": "registry.example:5000", "repository": "team/a", "tag": "1.2.3", "digest": digest}
    monkeypatch.setattr(images, "catalogue", lambda: Catalogue("own.example", {"a": entry}))
    assert images.image("a") == f"registry.example:5000/team/a@{digest}"


@pytest.mark.parametrize("entry", [{"repository": "team/a"}, {"repository": "team/a", "tag": "latest"}])
def test_an_image_that_may_move_is_refused_with_its_name(entry: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "catalogue", lambda: Catalogue("own.example", {"a": entry}))
    with pytest.raises(ConfigurationError, match=r"images\.toml: \[a\]: an exact `tag`"):
        images.image("a")
