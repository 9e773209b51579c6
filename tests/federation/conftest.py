"""What needs the dependency group `federation`; without it these tests are skipped."""

from __future__ import annotations

import pytest

pytest.importorskip("dp_accounting", reason="needs the dependency group `federation`: run `nox -s federation`")
