"""An engine's process that does not come up."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandtable.local.engine import EngineProcess
from workloads.engine.errors import EngineStartError
from workloads.engine.spec import EngineSpec


def test_it_is_told_by_its_own_last_words(tmp_path: Path) -> None:
    log = tmp_path / "engine.log"
    log.write_text("engine: --model=/of/another/run.gguf: No such file or directory\n")
    with (
        pytest.raises(EngineStartError, match=r"missing\.gguf") as caught,
        EngineProcess(EngineSpec(port=0, model=str(tmp_path / "missing.gguf")), log=log, cache=tmp_path),
    ):
        pass
    assert "another" not in str(caught.value)
    assert log.read_text().startswith("engine: --model=/of/another/run.gguf"), "the log is kept"
