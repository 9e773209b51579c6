"""Everything can cause everything: an end causes a retry, a participant more changes no other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from foundation.measures import RequestRecord, Status
from simulations.calibration import Calibration
from simulations.failures import Outage
from simulations.kernel import Order
from simulations.serving import EngineRequest
from simulations.twin import Twin
from simulations.world import World
from stacks.traffic import PlannedRequest
from workloads.engine.spec import EngineSpec

Build = Callable[..., Calibration]


@dataclass
class Persistent:
    """A client that sends its request again, a second after each failure, at most ten times (a closed loop: the end is the cause)."""

    at_s: float
    attempts: list[tuple[float, Status]] = field(default_factory=list)

    def join(self, world: World) -> None:
        def send(number: int) -> None:
            request = EngineRequest(1000 + number, world.loop.now_s, 5, 3)
            world.door.submit(request, lambda _, record: ended(number, record))

        def ended(number: int, record: RequestRecord) -> None:
            self.attempts.append((record.finished_s, record.status))
            if record.status is not Status.OK and number < 10:
                world.loop.at(world.loop.now_s + 1.0, lambda: send(number + 1), Order.ARRIVAL)

        world.loop.at(self.at_s, lambda: send(0), Order.ARRIVAL)


def test_a_failure_causes_a_retry_until_the_replica_is_back(plain: Build) -> None:
    client = Persistent(at_s=2.5)
    twin = Twin(("a",), EngineSpec(), plain(), (Outage("a", 2.0, 5.0),))
    prediction = twin.run([], seed=1, participants=[client])
    # 2.5, 3.5 and 4.5 find it gone; at 5.5 the prompt takes 5 s and two more tokens 2 s.
    assert client.attempts == [(2.5, Status.FAILED), (3.5, Status.FAILED), (4.5, Status.FAILED), (12.5, Status.OK)]
    assert prediction.records == ()


def test_a_client_that_gives_up_causes_something_at_that_very_moment(plain: Build) -> None:
    client = Persistent(at_s=0.0)
    Twin(("a",), EngineSpec(slots=1), plain(), timeout_s=6.5).run([], seed=1, participants=[client])
    assert [at_s for at_s, _ in client.attempts[:2]] == [6.5, 14.0]


def test_a_participant_that_does_nothing_changes_nothing(calibration: Build) -> None:
    class Silent:
        def join(self, world: World) -> None:
            world.streams.stream("anything").random()
            world.loop.at(0.1, lambda: None)

    plan = [PlannedRequest(n, n * 0.2, 50, 20) for n in range(30)]
    twin = Twin(("a", "b"), EngineSpec(), calibration(), (Outage("a", 2.0, 3.0),))
    assert twin.run(plan, seed=1) == twin.run(plan, seed=1, participants=[Silent()])
