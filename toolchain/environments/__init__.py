"""Virtual environments created on demand, one per dependency group: each local workload runs in its own."""

from toolchain.environments.environment import environment_for, find, status
from toolchain.environments.group import Group, read_groups

__all__ = ["Group", "environment_for", "find", "read_groups", "status"]
