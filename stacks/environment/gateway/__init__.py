"""The gateway before the engines, and the emulator that stands for providers outside.

Rule 1: what the gateway itself reads (routes, limits, retries …) is typed by ``workloads/gateway``; an environment adds where it runs and
what it takes from the stack.
Rule 2: the stack's engine is always the provider ``engine``.
"""

from __future__ import annotations

from stacks.environment.gateway.section import ENGINE, TENANT, Emulator, Gateway, OwnTenant, Provider

__all__ = ["ENGINE", "TENANT", "Emulator", "Gateway", "OwnTenant", "Provider"]
