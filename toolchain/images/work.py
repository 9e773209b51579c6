"""The work of making one layer, for the toolchain's runner."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from toolchain.environments.group import ROOT
from toolchain.images.layer import Layer
from toolchain.images.store import MadeLayer, Store
from toolchain.installing.recipes import Command, pip_environment

#: Files in the staging folder: what is to be made, the layer, and what `layer.Layer` says of it.
ORDER: Final = "order.json"
RESULT: Final = "layer.tar.gz"
FACTS: Final = "layer.json"
_STEP: Final = re.compile(r"^\[(\d+)/(\d+)\]", re.MULTILINE)


@dataclass(frozen=True)
class LayerWork:
    """Makes the layer ``key`` of ``store`` as ``document`` says."""

    title: str
    key: str
    document: Mapping[str, Any]
    estimate_s: float
    store: Store

    @property
    def subject(self) -> str:
        """Name of the lock and of the log."""
        return f"layer-{self.key}"

    def finished(self) -> bool:
        """Whether the store has it."""
        return self.store.layer(self.key) is not None

    def command(self, staging: Path) -> Command:
        """Return the command that makes it."""
        order = dict(self.document)
        if order.get("python"):
            below = self.store.layer(order["python"])
            assert below is not None
            order["python"] = str(self.store.blob(below.layer.digest))
        (staging / ORDER).write_text(json.dumps(order), encoding="utf-8")
        path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        environment = pip_environment(os.environ) | {"PYTHONPATH": path, "TMPDIR": str(staging)}
        return Command([sys.executable, "-m", "toolchain.images.making", str(staging)], environment)

    def share(self, log: str) -> float:
        """Return the share of its steps that are done."""
        steps = _STEP.findall(log)
        return (int(steps[-1][0]) - 1) / int(steps[-1][1]) if steps else 0.0

    def install(self, staging: Path, seconds: float) -> None:
        """Move it into the store."""
        facts = json.loads((staging / FACTS).read_text(encoding="utf-8"))
        packages = facts.pop("packages")
        self.store.add_layer(self.key, staging / RESULT, MadeLayer(Layer(**facts), packages, seconds))
