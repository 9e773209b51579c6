"""How much traffic an environment holds, the cheapest configuration that holds what it has, and what moves the verdict most."""

from sandtable.jobs.capacity.answer import Capacity, capacity

__all__ = ["Capacity", "capacity"]
