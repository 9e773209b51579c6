"""What the messages of a round cost: processor time of the side that receives one, and bytes on the wire.

They come from one run of the same definition in one process (``python -m workloads.federation run --json``), so they are measured on the
machine at hand, without sockets and without contention; the simulation adds both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from simulations.errors import CalibrationError

#: Processor time to write, encrypt, carry and read one message over loopback, on both sides together. Assumed; a round has dozens.
TRANSPORT_MS: Final = 3.0


@dataclass(frozen=True, slots=True)
class Costs:
    """Costs by the kind of the message, in milliseconds of one core.

    Attributes:
        client_ms: of a client that receives it; training is part of the one that asks for the update.
        server_ms: of the server.
        startup_s: processor time of a client before it joins.
        bytes_per_round: median of all messages of a round together.
        epsilon: after each round.
        accuracy: after each round.
    """

    client_ms: Mapping[str, float]
    server_ms: Mapping[str, float]
    startup_s: float
    bytes_per_round: float
    epsilon: tuple[float, ...]
    accuracy: tuple[float, ...]

    @classmethod
    def from_report(cls, report: Mapping[str, Any]) -> Costs:
        """Read the report of a run in one process.

        Raises:
            CalibrationError: it is none, or no round of it came to an end.
        """
        try:
            rounds = report["rounds"]
            return cls(
                dict(report["client_ms"]),
                dict(report["server_ms"]),
                float(report["startup_s"]),
                float(median(sum(each["bytes"].values()) for each in rounds)),
                tuple(each["epsilon"] for each in rounds),
                tuple(each["accuracy"] for each in rounds),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise CalibrationError(f"the federation in one process gave no costs: {error}") from error
