"""Starts federations and ends them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.integration.federation.processes import Processes
from workloads.federation.definition import Definition


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[Definition], Processes]]:
    with ExitStack() as stack:
        yield lambda definition: Processes(tmp_path, definition, stack)
