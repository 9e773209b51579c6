"""The shape selected by ``--shape``, as a Locust shape class. Importing this imports Locust, which patches the whole process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locust import LoadTestShape

from loadtests.shapes.curves import users_at

if TYPE_CHECKING:
    from collections.abc import Callable


class ChosenShape(LoadTestShape):
    """Moves the number of users over ``--run-time``, with ``--users`` as its mean.

    Locust accepts one shape class per locustfile, so this one gets its ``curve`` when the options are known. ``duration_s`` holds the value
    of ``--run-time``.
    """

    use_common_options = True
    curve: Callable[[float], float]
    duration_s: float

    def tick(self) -> tuple[int, float] | None:
        """Return the number of users to have now and how many to start per second until then; None at the end."""
        assert self.runner is not None, "Locust sets it before the first tick"
        options = self.runner.environment.parsed_options
        assert options is not None, "Locust was started from a command line"
        users = users_at(
            self.curve,
            mean_users=options.num_users or 1,
            elapsed_s=self.get_run_time(),  # type: ignore[no-untyped-call]  # locust does not type it
            duration_s=options.run_time or self.duration_s,
        )
        if users is None:
            return None
        # Locust checks the shape again only when all users have started: a slow ramp-up would outlast the shape.
        return users, max(options.spawn_rate or 1.0, float(users))
