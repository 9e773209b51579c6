"""The trained model is made only where it is named and missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sandtable.errors import UsageError
from sandtable.jobs.engines import tiny_model
from sandtable.jobs.engines.tiny_model import ensure_tiny_model
from sandtable.terminal import Steps
from toolchain.cache import Lock


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the environments that were asked for; the cache is empty."""
    monkeypatch.setenv("SANDTABLE_CACHE", str(tmp_path))
    names: list[str] = []

    def ensure(name: str, _steps: Any) -> Path:
        names.append(name)
        return tmp_path / "no-python"

    monkeypatch.setattr(tiny_model, "ensure_environment", ensure)
    return names


def test_no_other_model_needs_torch(asked: list[str]) -> None:
    ensure_tiny_model("synthetic", Steps(quiet=True))
    ensure_tiny_model("models/tiny.gguf", Steps(quiet=True))
    assert asked == []


def test_a_model_that_is_there_is_used(asked: list[str], tmp_path: Path) -> None:
    (tmp_path / "tiny-model").mkdir()
    (tmp_path / "tiny-model" / "tiny.gguf").touch()
    ensure_tiny_model("tiny", Steps(quiet=True))
    assert asked == []


def test_a_missing_one_is_announced_and_only_one_command_trains_it(
    asked: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = Lock(tmp_path / "locks" / "tiny-model.lock")
    assert lock.try_acquire()
    try:
        with pytest.raises(UsageError, match="another command is training the model tiny"):
            ensure_tiny_model("tiny", Steps())
    finally:
        lock.release()
    assert asked == ["training"]
    assert "is missing; training it takes about five minutes, once" in " ".join(capsys.readouterr().err.split())
