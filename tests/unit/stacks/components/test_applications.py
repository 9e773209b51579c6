"""The applications as they are deployed: beside their run, on its volume, one pod each."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from stacks.environment import Environment, EnvironmentError_
from stacks.graph import Graph
from stacks.graph.sources import from_program
