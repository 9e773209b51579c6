from __future__ import annotations

import re

import pytest

from stacks.components import images
from stacks.errors import ConfigurationError


@pytest.mark.parametrize("name", sorted(images.catalogue()))
def test_every_image_of_the_catalogue_is_pinned(name: str) -> None:
    assert re.search(r"@sha256:[0-9a-f]{64}$|:[^:@/]*\d+\.\d+[^:@/]*$|:RELEASE\.\d{4}-\d{2}-\d{2}\S*$", images.image(name))


def test_a_digest_wins_over_the_tag(monkeypatch: pytest.MonkeyPatch) -> None:
    digest = "sha256:" + "0" * 64
    monkeypatch.setattr(images, "catalogue", lambda: {"a": {"repository": "team/a", "tag": "1.2.3", "digest": digest}})
    assert images.image("a") == f"team/a@{digest}"


@pytest.mark.parametrize("entry", [{"repository": "team/a"}, {"repository": "team/a", "tag": "latest"}])
def test_an_image_that_may_move_is_refused_with_its_name(entry: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "catalogue", lambda: {"a": entry})
    with pytest.raises(ConfigurationError, match=r"images\.toml: \[a\]: an exact `tag`"):
        images.image("a")
