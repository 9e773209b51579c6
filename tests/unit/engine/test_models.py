"""Models by name: the trained one is found where `nox -s tiny_model` leaves it, or the command is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from workloads.engine.errors import ModelFileError
from workloads.engine.model import trained_model


def test_the_trained_model_is_found_in_the_cache(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="nox -s tiny_model"):
        trained_model(tmp_path)
    path = tmp_path / "tiny-model" / "tiny.gguf"
    path.parent.mkdir()
    path.write_bytes(b"GGUF")
    assert trained_model(tmp_path) == path
