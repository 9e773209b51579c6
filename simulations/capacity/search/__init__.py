"""The search for the cheapest configuration: bounds first, then short runs, and full ones only near the front."""

from simulations.capacity.search.cheapest import Ask, cheapest
from simulations.capacity.search.configuration import Configuration, space
from simulations.capacity.search.result import OnSpot, Search, Tried

__all__ = ["Ask", "Configuration", "OnSpot", "Search", "Tried", "cheapest", "space"]
