"""The life of Locust's processes where there is none to end."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from loadtests.locust_process import LocustProcess


def test_ctrl_c_before_the_process_exists_stays_a_ctrl_c(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess, "Popen", interrupted)
    with pytest.raises(KeyboardInterrupt), LocustProcess([], log=tmp_path / "log", api_key=None):
        pass
