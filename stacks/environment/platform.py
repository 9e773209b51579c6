"""The platform under the workloads: secrets, identity, detection, admission, data, messaging, telemetry, and the budget."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from stacks.environment.values import (
    WHOLE,
    Members,
    Model,
    Name,
    PathText,
    Share,
    SomePods,
    StackEncryption,
    StorageGib,
    TrustDomain,
)
from stacks.environment.workloads import Resources


class Secrets(Model):
    """The secrets engine, and the encryption of the stack's own secrets."""

    engine: Literal["openbao", "vault", "none"] = "openbao"
    replicas: Annotated[Literal[1, 3, 5], WHOLE] = 3
    stack_encryption: StackEncryption = "passphrase"
    """Pulumi secrets provider: ``passphrase``, or ``hashivault://<transit key>``."""
    storage_gib: StorageGib = 10
    """Size of each new volume. To grow an existing one, edit its claim: `kubectl edit pvc`."""


class Identity(Model):
    """Workload identity (SPIFFE)."""

    trust_domain: TrustDomain = "sandtable.local"
    # SPIRE honours a lifetime only up to a sixth of its CA's, which is a day (SPIRE, "Configuration reference").
    svid_ttl_h: Annotated[float, Field(ge=0.1, le=4)] = 4.0
    """Lifetime of a workload's certificate; it is renewed at half of it."""


class RuntimeRules(Model):
    """Runtime detection (Falco)."""

    enabled: bool = True
    minimum_priority: Literal["emergency", "alert", "critical", "error", "warning", "notice", "informational", "debug"] = "notice"


class Admission(Model):
    """How the API server handles an object that breaks a rule."""

    mode: Literal["deny", "warn", "audit"] = "deny"


class DataStore(Model):
    """A stateful service with data."""

    name: Name
    kind: Literal["postgresql", "redis", "object-store"]
    pool: Name = "laptop"
    replicas: Members = 1
    """An object store takes 1, or at least 4: it spreads every object over at least four."""
    storage_gib: StorageGib = 10
    """Size of each new volume. To grow an existing one, edit its claim: `kubectl edit pvc`."""
    resources: Resources = Resources(cpu=0.5, memory_gib=1.0)
    customer_data: bool = False

    @model_validator(mode="after")
    def _can_spread(self) -> Self:
        if self.kind == "object-store" and self.replicas in (2, 3):
            raise ValueError(f"replicas ({self.replicas}): an object store needs 1, or at least 4 to spread its objects over")
        return self


class Messaging(Model):
    """The message bus."""

    kind: Literal["nats", "none"] = "nats"
    replicas: Members = 1
    pool: Name = "laptop"
    storage_gib: StorageGib = 5
    """Size of each new volume. To grow an existing one, edit its claim: `kubectl edit pvc`."""


class Telemetry(Model):
    """Collectors, rules and dashboards."""

    retention_days: Annotated[int, Field(ge=1, le=3650)] = 7
    trace_sample_share: Share = 0.1
    collectors: SomePods = 1
    """Replicas of the gateway collector; agents run on every node."""
    alertmanager: bool = False
    """Whether Prometheus sends its alerts to an Alertmanager of the stack, whose receivers the operator writes."""
    trace_store: Literal["none", "jaeger"] = "none"
    """Where kept traces go: ``jaeger`` keeps the newest in memory; ``none`` counts and drops them."""


class Budget(Model):
    """Limit of the environment's cost, at 730 hours a month."""

    monthly_usd: Annotated[float, Field(ge=0, le=1_000_000_000)] = 0.0
    price_book: PathText = "bundled"
    """``bundled``, or the path of a CSV with the same columns."""
