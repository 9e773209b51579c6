"""Everything here needs torch: the dependency group `training`. One thread, as in the programs: results are the same on every machine."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs the dependency group `training`: run `nox -s training`")
torch.set_num_threads(1)
