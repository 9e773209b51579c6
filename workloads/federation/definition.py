"""The definition of a federation: one frozen document that the environment embeds, and that the server and every client are started with.

Its digest is part of every ``Join``, so a client that was started with other terms is refused before it trains.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from hashlib import sha256
from typing import Any, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from workloads.federation.errors import DefinitionError

TaskName: TypeAlias = Literal["digits", "breast-cancer", "credit-risk", "next-word"]
StrategyName: TypeAlias = Literal["fedavg", "fedprox", "fedadam", "scaffold", "trimmed-mean", "krum"]

#: Strategies that need each update by itself, which secure aggregation hides.
ROBUST: frozenset[StrategyName] = frozenset({"trimmed-mean", "krum"})


class Part(BaseModel):
    """Base of all parts: frozen, without unknown keys and without conversions."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True)


class Partition(Part):
    """How the training records are spread over the clients."""

    kind: Literal["iid", "shards", "dirichlet"] = "iid"
    shards_per_client: int = Field(default=2, ge=1, le=1000)
    """With ``shards``: records are sorted by class and cut into equal shards; each client gets so many (McMahan and others 2017)."""
    alpha: float = Field(default=0.5, gt=0, le=1e6)
    """With ``dirichlet``: concentration of the classes' shares; the smaller, the more skewed (Hsu, Qi and Brown 2019)."""


class Strategy(Part):
    """How updates become the next model."""

    name: StrategyName = "fedavg"
    server_rate: float = Field(default=1.0, gt=0, le=100)
    """Step of the server along the mean update; with ``fedadam`` about 0.01."""
    momentum: float = Field(default=0.0, ge=0, lt=1)
    """Server momentum of ``fedavg``, ``fedprox`` and ``scaffold`` (FedAvgM); 0: none."""
    proximal: float = Field(default=0.01, ge=0, le=1000)
    """With ``fedprox``: weight of the squared distance to the server's model."""
    malicious: int = Field(default=1, ge=0, le=10_000)
    """With ``trimmed-mean`` and ``krum``: how many clients may be malicious."""


class Local(Part):
    """Training at a client."""

    epochs: int = Field(default=5, ge=1, le=1000)
    batch: int = Field(default=10, ge=1, le=100_000)
    """Records of a batch; with record-level privacy the expected number, because each record is drawn on its own."""
    rate: float = Field(default=0.1, gt=0, le=100)


class Privacy(Part):
    """Differential privacy: whose presence it hides, and how well."""

    unit: Literal["none", "record", "client"] = "record"
    """``record``: each client adds noise to its training (DP-SGD). ``client``: the sum of updates is noisy; needs many clients."""
    epsilon: float = Field(default=3.0, gt=0, le=1000)
    """The budget of a run; a release that would exceed it is not made."""
    delta: float = Field(default=1e-3, gt=0, lt=1)
    """Below 1/n for n units."""
    clip_norm: float = Field(default=1.0, gt=0, le=1e6)
    """With ``record``: largest L2 norm of a record's gradient."""
    noise_multiplier: float | None = Field(default=None, gt=0, le=1e6)
    """Deviation of the noise over the sensitivity; absent: the least that keeps the budget over all rounds."""
    accountant: Literal["pld", "rdp"] = "pld"
    """``pld`` is tighter and needs `dp-accounting`; with ``unit: client`` its limit is known exactly and needs nothing. Reports have
    ``rdp`` beside it."""


class Compliance(Part):
    """What the gate checks before every round."""

    purpose: str = Field(default="rehearsal", min_length=1, max_length=200)
    """Purpose that each client's records must be released for."""
    residencies: list[str] = Field(default=["local"], min_length=1)
    """Places where records may be; a client elsewhere takes no part."""
    min_clients: int = Field(default=2, ge=2, le=10_000)
    """Fewest clients of a round: a mean over fewer says too much about each."""
    model_card: str = Field(default="A rehearsal: the model is discarded.", min_length=1, max_length=2000)
    """What the model is for and what it must not be used for."""


class Definition(Part):
    """One federated training. The clients themselves are in the roster."""

    task: TaskName = "digits"
    seed: int = Field(default=0, ge=0, lt=2**32)
    """Of the partition, the first model, the choice of clients and the order of records; never of noise."""
    partition: Partition = Partition()
    strategy: Strategy = Strategy()
    local: Local = Local()
    privacy: Privacy = Privacy()
    compliance: Compliance = Compliance()
    rounds: int = Field(default=10, ge=1, le=100_000)
    sample_share: float = Field(default=1.0, gt=0, le=1)
    """Share of the clients that take part in a round."""
    deadline_s: float = Field(default=30.0, gt=0, le=86_400)
    """Longest wait for the clients' messages of one phase; whoever is later is left out of the round."""
    secure_aggregation: bool = True
    """Whether the server sees only the sum of the updates."""
    threshold: int | None = Field(default=None, ge=2, le=10_000)
    """Clients that must stay to the end of a round of secure aggregation; absent: just more than half."""
    update_norm: float = Field(default=10.0, gt=0, le=1e6)
    """Largest L2 norm of an update; longer ones are scaled down. With ``unit: client`` this is the clipping of the guarantee."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.secure_aggregation and self.strategy.name in ROBUST:
            raise ValueError(
                f"strategy {self.strategy.name} needs single updates, which secure aggregation hides; set `secure_aggregation: false`, or "
                "take a strategy that needs only the mean"
            )
        if self.privacy.unit == "client" and not self.secure_aggregation:
            raise ValueError("client-level privacy adds its noise inside secure aggregation; set `secure_aggregation: true`")
        if self.privacy.unit == "client" and self.strategy.name == "scaffold":
            raise ValueError("scaffold sends a second vector whose sensitivity is not bounded; take another strategy or `unit: record`")
        return self

    def participants(self, clients: int) -> int:
        """Return how many of so many clients take part in a round."""
        return min(clients, max(self.compliance.min_clients, round(self.sample_share * clients)))

    def quorum(self, clients: int) -> int:
        """Return how many of so many clients must stay to the end of a round of secure aggregation; without it, the least that may be."""
        least = self.compliance.min_clients
        if not self.secure_aggregation:
            return least
        return max(least, self.threshold or self.participants(clients) // 2 + 1)

    def problem(self, clients: int) -> str | None:
        """Return why so many clients cannot train under these terms; None if they can."""
        most = self.participants(clients)
        if self.quorum(clients) > most:
            return f"a round needs {self.quorum(clients)} clients, and {most} of {clients} would take part"
        if self.secure_aggregation and 2 * self.quorum(clients) <= most:
            return f"the threshold must be more than half of the {most} clients of a round, not {self.threshold}"
        return None

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 of :meth:`to_json`."""
        return sha256(b"sandtable federation 1\n" + self.to_json().encode()).digest()

    def to_json(self) -> str:
        """Return the definition as one line, all defaults included: equal definitions have equal texts."""
        return self.model_dump_json()

    @classmethod
    def from_json(cls, text: str) -> Definition:
        """Read a definition.

        Raises:
            DefinitionError: it is no JSON, or a key is unknown or has no sensible value; the message names the first.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise _invalid(error) from error

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Definition:
        """Make a definition of keys and values; raises like :meth:`from_json`."""
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            raise _invalid(error) from error


def _invalid(error: ValidationError) -> DefinitionError:
    first = error.errors()[0]
    place = ".".join(map(str, first["loc"])) or "definition"
    return DefinitionError(f"{place}: {first['msg'].removeprefix('Value error, ')}")
