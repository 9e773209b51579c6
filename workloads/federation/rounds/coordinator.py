"""The server's side of the rounds: messages and the time go in, messages come out.

Rule 1: a message that breaks the rules is refused with a reason that names its client, and changes nothing.
Rule 2: whatever goes out is on the disk before it goes out (``store``). A coordinator that is made anew from its store repeats the round
that was interrupted as the next attempt; clients send the updates that they have kept.
Rule 3: a stage ends when all have answered, or at its deadline. Who is late is left out of the round, and asked again once it is heard of.
Rule 4: the time never goes back: of two readings the later counts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256

from workloads.federation.compliance.gate import check_client, check_round
from workloads.federation.errors import BudgetExhaustedError, ProtocolError, RefusedError, UpdateError
from workloads.federation.rounds.collecting import Collected, Collector, PlainCollector, SecureCollector
from workloads.federation.rounds.messages import Declined, Finished, Join, Refused, ServerBody, ToClient, ToServer, Train, Trained
from workloads.federation.rounds.store import RoundRecord, Store
from workloads.federation.rounds.terms import Terms
from workloads.federation.secure_aggregation.server import Phase
from workloads.federation.strategies.strategy import strategy_for
from workloads.federation.tasks.task import Task
from workloads.federation.tracing import Place, SpanSink, attempt_span, ignore, part_span, trace_id
from workloads.telemetry import federation as names

#: A round that fails so often in a row ends the run: repeating it again would not help.
_MOST_FAILURES = 5


@dataclass(slots=True)
class _Attempt:
    """One attempt of a round.

    Attributes:
        place: run, round and attempt, as in its envelopes.
        train: what its participants were sent.
        collector: of their updates.
        since_s: when it began.
        stage_since_s: when its stage began.
        gone: participants that are not waited for.
        trained: what each has said about its training.
        declined: reasons of those that have declined.
        stages_ms: time of each stage that is closed.
    """

    place: Place
    train: Train
    collector: Collector
    since_s: float
    stage_since_s: float
    gone: set[str] = field(default_factory=set)
    trained: dict[str, Trained] = field(default_factory=dict)
    declined: dict[str, str] = field(default_factory=dict)
    stages_ms: dict[str, float] = field(default_factory=dict)


class Coordinator:
    """Runs a federation; continues the run of its store.

    Args:
        terms: of the federation.
        task: its model and test records.
        store: the run.
        now_s: the time on a clock that does not jump; spans have it as seconds since 1970.
        on_span: gets the spans of attempts and stages.
    """

    def __init__(self, terms: Terms, task: Task, store: Store, now_s: float, on_span: SpanSink = ignore) -> None:
        self.terms, self.store = terms, store
        self.refusals: list[str] = []
        self._task, self._strategy = task, strategy_for(terms.definition.strategy)
        self._now_s, self._on_span = now_s, on_span
        self._present: set[str] = set()
        self._silent: set[str] = set()
        self._spent: dict[str, float] = {}
        self._failures: list[str] = []
        self._waiting_since_s = now_s
        self._begun_s: float | None = None
        self._attempt: _Attempt | None = None

    @property
    def finished(self) -> str | None:
        """Why the run is over; None while it goes on."""
        if self.store.progress.stopped:
            return self.store.progress.stopped
        done = len(self.store.progress.history)
        return f"all {done} rounds are done" if done >= self.terms.definition.rounds else None

    @property
    def number(self) -> int:
        """The round that is under way, or comes next."""
        return len(self.store.progress.history) + 1

    @property
    def failed_attempts(self) -> int:
        """Attempts of this round that have failed in a row."""
        return len(self._failures)

    @property
    def stage(self) -> str:
        """What the coordinator waits for, in a word."""
        return "finished" if self.finished else self._attempt.collector.stage if self._attempt else "clients"

    @property
    def deadline_s(self) -> float | None:
        """When :meth:`tick` is due; None if only messages can help."""
        if self.finished or (self._attempt is None and len(self._candidates()) < self.terms.quorum):
            return None
        return (self._attempt.stage_since_s if self._attempt else self._waiting_since_s) + self.terms.definition.deadline_s

    def receive(self, message: ToServer, now_s: float) -> list[ToClient]:
        """Take a message.

        Raises:
            StateError, LedgerError, AuditError: the run cannot be written down; the server must stop, and loses nothing.
        """
        self._now_s = max(self._now_s, now_s)
        try:
            out = self._take(message)
        except (ProtocolError, UpdateError, RefusedError) as error:
            self.refusals.append(str(error))
            out = [self._to(message.sender, Refused(str(error)))]
        return out + self._progress()

    def tick(self, now_s: float) -> list[ToClient]:
        """Close what is overdue; raises like :meth:`receive`."""
        self._now_s = max(self._now_s, now_s)
        return self._progress()

    def _take(self, message: ToServer) -> list[ToClient]:
        sender, body = message.sender, message.body
        if isinstance(body, Join):
            check_client(self.terms, sender, body)
            return self._welcome(sender)
        if sender not in self.terms.roster.members:
            raise RefusedError(f"client {sender!r} is not in the roster")
        self._hear(sender)
        attempt, kind = self._attempt, type(body).__name__
        if attempt is None or attempt.place != (message.run, message.number, message.attempt):
            current = f"at round {self.number}, attempt {self.store.progress.attempt}" if attempt else "between two rounds"
            raise ProtocolError(
                f"client {sender!r}: its {kind} of round {message.number}, attempt {message.attempt} is late or belongs elsewhere; the "
                f"server is {current}"
            )
        match body:
            case Declined(reason):
                attempt.gone.add(sender)
                attempt.declined[sender] = reason
            case Trained():
                if sender not in attempt.train.participants or sender in attempt.trained:
                    raise ProtocolError(f"round {self.number}: client {sender!r} has sent its Trained twice, or does not take part")
                attempt.trained[sender] = body
                self._spent[sender] = max(self._spent.get(sender, 0.0), body.epsilon)
            case _:
                attempt.collector.receive(sender, body)
        return []

    def _hear(self, name: str) -> None:
        self._present.add(name)
        self._silent.discard(name)

    def _welcome(self, name: str) -> list[ToClient]:
        self._hear(name)
        if self.finished:
            return [self._to(name, Finished(self.finished))]
        attempt = self._attempt
        if attempt is None or name not in attempt.train.participants:
            return []
        if not attempt.stages_ms and name in attempt.collector.awaited - attempt.gone:
            return [self._to(name, attempt.train)]  # it has sent nothing of this attempt yet, so it can begin again
        attempt.gone.add(name)  # it has lost the keys of this attempt
        return []

    def _progress(self) -> list[ToClient]:
        """Go on as far as what has come allows."""
        out: list[ToClient] = []
        while not self.finished:
            attempt = self._attempt
            if attempt is None:
                if not self._may_begin():
                    break
                out += self._begin()
            elif attempt.collector.awaited - attempt.gone and self._now_s < attempt.stage_since_s + self.terms.definition.deadline_s:
                break
            else:
                out += self._close(attempt)
        return out

    def _candidates(self) -> tuple[str, ...]:
        return tuple(name for name in self.terms.chosen(self.number) if name in self._present)

    def _may_begin(self) -> bool:
        if len(self._candidates()) < self.terms.quorum:
            self._waiting_since_s = self._now_s  # the others get their time once there is a quorum
            return False
        # Nobody waits again for a client that has missed a deadline and was not heard of since.
        unknown = set(self.terms.chosen(self.number)) - self._present - self._silent
        return not unknown or self._now_s >= self._waiting_since_s + self.terms.definition.deadline_s

    def _begin(self) -> list[ToClient]:
        candidates = self._candidates()
        try:
            check_round(self.terms, self.number, candidates, self._spent)
        except RefusedError as error:
            return self._stop(str(error))
        self.store.begin_attempt(candidates)
        progress = self.store.progress
        place = (progress.run, self.number, progress.attempt)
        train = Train(progress.state.parameters, progress.state.control, candidates, self.terms.threshold)
        self._attempt = _Attempt(place, train, self._collector(place, candidates), self._now_s, self._now_s)
        self._begun_s = self._now_s if self._begun_s is None else self._begun_s
        return [self._to(name, train) for name in candidates]

    def _collector(self, place: Place, participants: tuple[str, ...]) -> Collector:
        if self.terms.threshold:
            return SecureCollector(self.terms, self.terms.session(*place, participants))
        return PlainCollector(self.terms, self._strategy, self.number, participants)

    def _close(self, attempt: _Attempt) -> list[ToClient]:
        collector = attempt.collector
        stage = collector.stage
        late = collector.awaited - attempt.gone
        self._present -= late  # asked again once they are heard of
        self._silent |= late
        try:
            self._pay(attempt)
            result = collector.close()
        except BudgetExhaustedError as error:
            self._trace_failure(attempt, stage, str(error))
            return self._stop(str(error))
        except (ProtocolError, UpdateError) as error:
            return self._fail(attempt, stage, str(error))
        attempt.stages_ms[stage] = 1000 * (self._now_s - attempt.stage_since_s)
        self._on_span(part_span(f"{names.STAGE_SPAN} {stage}", attempt.place, attempt.stage_since_s, self._now_s, {}))
        attempt.stage_since_s = self._now_s
        if isinstance(result, Collected):
            return self._complete(attempt, result)
        return [self._to(name, body) for name, body in result.items()]

    def _pay(self, attempt: _Attempt) -> None:
        """Pay for the sum before its masks can fall. The same survivors give the same sum, however often it is made."""
        collector = attempt.collector
        if isinstance(collector, SecureCollector) and collector.server.phase is Phase.CONSENTS:
            survivors = sha256("\n".join(collector.survivors).encode()).hexdigest()[:16]
            self.store.spend(f"{attempt.place[0]}/{self.number}/{survivors}")

    def _complete(self, attempt: _Attempt, result: Collected) -> list[ToClient]:
        progress, contributors = self.store.progress, result.contributors
        state = self._strategy.step(progress.state, result.update, len(contributors) / len(self.terms.roster.members))
        test, ledger = self._task.test, self.store.ledger
        record = RoundRecord(
            number=self.number,
            attempts=progress.attempt,
            contributors=contributors,
            accuracy=self._task.model.accuracy(state.parameters, test.x, test.y),
            epsilon=ledger.spent.epsilon if ledger else max((self._spent.get(name, 0.0) for name in contributors), default=0.0),
            duration_s=self._now_s - (self._now_s if self._begun_s is None else self._begun_s),
            stages_ms=attempt.stages_ms,
            train_ms={name: attempt.trained[name].train_ms for name in contributors if name in attempt.trained},
        )
        self.store.close_round(state, record)
        told = {names.CLIENTS: len(contributors), names.ACCURACY: record.accuracy, names.EPSILON: record.epsilon}
        self._on_span(attempt_span(attempt.place, attempt.since_s, self._now_s, told))
        self._failures.clear()
        self._begun_s = None
        self._wait()
        return [self._to(name, Finished(self.finished)) for name in sorted(self._present)] if self.finished else []

    def _fail(self, attempt: _Attempt, stage: str, reason: str) -> list[ToClient]:
        text = reason + "".join(f"; client {name!r} declined: {why}" for name, why in sorted(attempt.declined.items()))
        self._failures.append(text)
        run, number, _ = attempt.place
        self.store.journal.once("attempt failed", "/".join(map(str, attempt.place)), {"reason": text}, trace=trace_id(run, number))
        self._trace_failure(attempt, stage, text)
        if len(self._failures) >= _MOST_FAILURES:
            return self._stop(f"round {self.number} failed {_MOST_FAILURES} times; the last time: {text}")
        self._wait()
        return []

    def _stop(self, reason: str) -> list[ToClient]:
        self.store.stop(reason)
        self._wait()
        return [self._to(name, Finished(reason)) for name in sorted(self._present)]

    def _trace_failure(self, attempt: _Attempt, stage: str, error: str) -> None:
        self._on_span(part_span(f"{names.STAGE_SPAN} {stage}", attempt.place, attempt.stage_since_s, self._now_s, {}, error=error))
        self._on_span(attempt_span(attempt.place, attempt.since_s, self._now_s, {}, error=error))

    def _wait(self) -> None:
        """Leave the attempt; the next one waits for its clients."""
        self._attempt = None
        self._waiting_since_s = self._now_s

    def _to(self, receiver: str, body: ServerBody) -> ToClient:
        progress = self.store.progress
        return ToClient(progress.run, self.number, progress.attempt, receiver, body)
