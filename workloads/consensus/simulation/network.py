"""The network between members and clients: delays, losses, copies, and links that are cut."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """The quality of the network.

    Args:
        min_delay_ms: one way.
        mean_delay_ms: of what comes on top, exponential: so messages overtake each other.
        loss: share of messages that vanish.
        copies: share of messages that are duplicated.
    """

    min_delay_ms: float = 0.5
    mean_delay_ms: float = 1.0
    loss: float = 0.0
    copies: float = 0.0


class Network:
    """Links between names; a link is cut in one direction at a time."""

    def __init__(self, chance: random.Random, weather: Weather) -> None:
        self.weather = weather
        self.sent = 0
        self._chance = chance
        self._cut: set[tuple[str, str]] = set()

    def delays_ms(self, sender: str, to: str) -> list[float]:
        """Return when the copies of one message arrive, from now; an empty list if it is lost."""
        self.sent += 1
        if (sender, to) in self._cut or self._chance.random() < self.weather.loss:
            return []
        copies = 2 if self._chance.random() < self.weather.copies else 1
        return [self.weather.min_delay_ms + self._chance.expovariate(1 / self.weather.mean_delay_ms) for _ in range(copies)]

    def part(self, side: Collection[str], everyone: Iterable[str], *, one_way: bool = False) -> None:
        """Cut the links from ``side`` to all others, and those back unless ``one_way``."""
        for other in set(everyone) - set(side):
            for each in side:
                self._cut.add((each, other))
                if not one_way:
                    self._cut.add((other, each))

    def heal(self) -> None:
        """Join all links again."""
        self._cut.clear()
