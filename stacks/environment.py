"""What an operator writes: one environment, typed.

Rule 1: this module knows shapes, units, defaults and allowed values; it reads no file (``environment_file.py`` does) and creates no
resource (``components/`` do).
Rule 2: every quantity carries its unit in its name (``_ms``, ``_gib``, ``_usd``, ``_per_s``); the defaults fit a laptop.
Rule 3: what two floors need is typed once, here; the twin reads the rest from the graph.

In ``Pulumi.<name>.yaml`` every top-level field is a Pulumi configuration key: ``sandtable:engine:``, ``sandtable:node_pools:`` …
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, field_validator, model_validator

from stacks.thresholds import Threshold

Name = Annotated[
    str, Field(pattern=r"^[a-z0-9]([-a-z0-9]{0,48}[a-z0-9])?$", description="A DNS label: lower-case letters, digits, dashes.")
]
LabelValue = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$", description="A Kubernetes label value: letters, digits, - _ .")
]
Positive = Annotated[int, Field(ge=1)]
NotNegative = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Priority = Literal["platform", "serving", "training", "batch"]


class Model(BaseModel):
    """Frozen; unknown keys are errors; no silent conversion between kinds of value."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Cluster(Model):
    """Where the stack lands."""

    provider: Literal["embedded", "kubeconfig"] = "embedded"
    """``embedded``: real control plane on this machine, nodes and pods played by KWOK. ``kubeconfig``: any cluster you name."""
    kubeconfig: str | None = None
    """Path of the kubeconfig file; default: $KUBECONFIG, then ~/.kube/config. Only with ``provider: kubeconfig``."""
    context: str | None = None
    """Context inside that file. It is shown, and asked for, before the first change."""

    @model_validator(mode="after")
    def _only_with_kubeconfig(self) -> Self:
        if self.provider == "embedded" and (self.kubeconfig or self.context):
            raise ValueError("`kubeconfig` and `context` belong to `provider: kubeconfig`")
        return self


class Region(Model):
    """A cloud region and the zones used in it."""

    name: str
    cloud: Literal["aws", "azure", "gcp", "lambda", "nebius", "local"] = "local"
    zones: list[str] = Field(min_length=1)
    data_allowed: bool = True
    """Whether stores with customer data may be placed here (policy ``data-in-allowed-regions``)."""


class Gpu(Model):
    """The accelerators of one node."""

    model: str
    """As in the price book, for instance ``H100`` or ``L4``."""
    per_node: Positive
    memory_gib: Annotated[float, Field(gt=0)]


class NodePool(Model):
    """Nodes of one kind, bought in one way."""

    name: Name
    region: str
    zones: list[str] | None = None
    """Default: all zones of the region."""
    instance_type: str
    """Row of the price book (``cloud/region/instance_type``); ``laptop`` costs nothing."""
    gpu: Gpu | None = None
    vcpu_per_node: Positive
    memory_gib_per_node: Annotated[float, Field(gt=0)]
    min_nodes: NotNegative = 1
    max_nodes: Positive = 1
    purchase: Literal["on-demand", "spot", "reserved"] = "on-demand"

    @model_validator(mode="after")
    def _min_not_over_max(self) -> Self:
        if self.min_nodes > self.max_nodes:
            raise ValueError(f"min_nodes ({self.min_nodes}) is larger than max_nodes ({self.max_nodes})")
        return self


class Resources(Model):
    """What one pod asks for."""

    cpu: Annotated[float, Field(gt=0)] = 1.0
    memory_gib: Annotated[float, Field(gt=0)] = 1.0
    gpu: NotNegative = 0


class Autoscaling(Model):
    """Bounds of the horizontal autoscaler; absent means a fixed number of replicas."""

    min_replicas: Positive = 1
    max_replicas: Positive = 1
    target_cpu_share: Share = 0.7

    @model_validator(mode="after")
    def _min_not_over_max(self) -> Self:
        if self.min_replicas > self.max_replicas:
            raise ValueError(f"min_replicas ({self.min_replicas}) is larger than max_replicas ({self.max_replicas})")
        return self


class AiStack(Model):
    """The serving Deployment: replicas of the engine behind one Service."""

    replicas: NotNegative = 1
    pool: Name = "laptop"
    resources: Resources = Resources()
    autoscaling: Autoscaling | None = None
    min_available: NotNegative | None = None
    """Disruption budget: replicas that voluntary disruptions must leave. Absent: no budget."""
    priority: Priority = "serving"


class Federation(Model):
    """Federated learning: one server and its clients."""

    servers: NotNegative = 1
    clients: NotNegative = 10
    pool: Name = "laptop"
    client_pool: Name | None = None
    """Default: the server's pool. Clients may come and go, so a spot pool is fine for them."""
    server_resources: Resources = Resources(cpu=0.5, memory_gib=1.0)
    client_resources: Resources = Resources(cpu=0.25, memory_gib=0.5)
    priority: Priority = "training"


class TrainingJob(Model):
    """A training run: a Job, or a CronJob where a schedule is given."""

    name: Name
    pool: Name
    workers: Positive = 1
    resources: Resources = Resources()
    schedule: str | None = None
    """Cron expression; absent: once."""
    checkpoint_gib: Annotated[float, Field(ge=0)] = 1.0
    priority: Priority = "training"


class Engine(Model):
    """How each replica of the serving Deployment generates tokens."""

    model: str = "synthetic"
    """Path of a GGUF file, or ``synthetic`` for the small random-weight model that the project writes itself."""
    slots: Positive = 4
    context_tokens: Positive = 1024
    threads: Positive = 1


class Lengths(Model):
    """Lengths of prompts or answers in tokens."""

    distribution: Literal["constant", "uniform", "lognormal", "quantiles"] = "lognormal"
    mean: Annotated[float, Field(gt=0)] | None = None
    cv: Annotated[float, Field(ge=0)] = 0.5
    """Coefficient of variation, for ``lognormal``."""
    low: Positive = 1
    high: Positive = 512
    """Bounds: of ``uniform``, and the clip of the others."""
    quantiles: list[tuple[Share, Annotated[float, Field(gt=0)]]] | None = None
    """Pairs (share, tokens), rising, for ``quantiles``; linear between them."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"low ({self.low}) is larger than high ({self.high})")
        if self.distribution in ("constant", "lognormal") and self.mean is None:
            raise ValueError(f"`distribution: {self.distribution}` needs `mean`")
        if self.distribution == "quantiles":
            if not self.quantiles or len(self.quantiles) < 2:
                raise ValueError("`distribution: quantiles` needs at least two pairs in `quantiles`")
            if any(a[0] >= b[0] or a[1] > b[1] for a, b in zip(self.quantiles, self.quantiles[1:], strict=False)):
                raise ValueError("`quantiles` must rise")
        return self


class Traffic(Model):
    """The load that the environment is expected to carry."""

    arrivals: Literal["poisson", "gamma", "constant", "trace"] = "poisson"
    rate_per_s: Annotated[float, Field(gt=0)] = 1.0
    """Mean requests per second over the run."""
    cv: Annotated[float, Field(gt=0)] = 1.0
    """Coefficient of variation of the inter-arrival times, for ``gamma``."""
    shape: Literal["constant", "ramp", "spike", "diurnal"] = "constant"
    """How the rate moves over the run; the mean stays ``rate_per_s``."""
    trace: str | None = None
    """Path of a trace (CSV with TIMESTAMP,ContextTokens,GeneratedTokens or JSON lines with timestamp, input_length, output_length)."""
    prompt_tokens: Lengths = Lengths(mean=128, cv=0.5, low=8, high=512)
    output_tokens: Lengths = Lengths(mean=32, cv=0.5, low=2, high=128)
    duration_s: Annotated[float, Field(gt=0)] = 60.0
    seed: NotNegative = 1

    @model_validator(mode="after")
    def _trace_given(self) -> Self:
        if (self.arrivals == "trace") != (self.trace is not None):
            raise ValueError("`arrivals: trace` and `trace: <path>` go together")
        return self


class Secrets(Model):
    """Where secrets live."""

    engine: Literal["openbao", "vault", "none"] = "openbao"
    replicas: Literal[1, 3, 5] = 3
    stack_encryption: str = "passphrase"
    """Pulumi secrets provider: ``passphrase``, or ``hashivault://<transit key>``."""
    storage_gib: Positive = 10

    @field_validator("stack_encryption")
    @classmethod
    def _known_provider(cls, value: str) -> str:
        if value != "passphrase" and not value.startswith("hashivault://"):
            raise ValueError("allowed: `passphrase`, or `hashivault://<transit key>`")
        return value


class Identity(Model):
    """Workload identity (SPIFFE)."""

    trust_domain: Annotated[str, Field(pattern=r"^[a-z0-9._-]{1,255}$")] = "sandtable.local"
    svid_ttl_h: Annotated[float, Field(gt=0, le=24)] = 4.0


class RuntimeRules(Model):
    """Runtime detection (Falco)."""

    enabled: bool = True
    minimum_priority: Literal["emergency", "alert", "critical", "error", "warning", "notice", "informational", "debug"] = "notice"


class Admission(Model):
    """What the API server does with an object that breaks a rule."""

    mode: Literal["deny", "warn", "audit"] = "deny"


class DataStore(Model):
    """A stateful service with data."""

    name: Name
    kind: Literal["postgresql", "redis", "object-store"]
    pool: Name = "laptop"
    replicas: Positive = 1
    storage_gib: Positive = 10
    resources: Resources = Resources(cpu=0.5, memory_gib=1.0)
    customer_data: bool = False


class Messaging(Model):
    """The message bus."""

    kind: Literal["nats", "none"] = "nats"
    replicas: Positive = 1
    pool: Name = "laptop"
    storage_gib: Positive = 5


class Telemetry(Model):
    """Collectors, rules and dashboards."""

    retention_days: Positive = 7
    trace_sample_share: Share = 0.1
    collectors: Positive = 1
    """Replicas of the gateway collector; agents run on every node."""


class Budget(Model):
    """What the environment may cost, at 730 hours a month."""

    monthly_usd: Annotated[float, Field(ge=0)] = 0.0
    price_book: str = "bundled"
    """``bundled``, or the path of a CSV of the same columns."""


class Environment(Model):
    """One environment. ``name`` comes from the file's name; everything else has a default that fits a laptop."""

    name: Name
    owner: LabelValue = "platform-team"
    cost_centre: LabelValue = "unassigned"
    cluster: Cluster = Cluster()
    regions: list[Region] = [Region(name="local", zones=["local-a"])]
    node_pools: list[NodePool] = [NodePool(name="laptop", region="local", instance_type="laptop", vcpu_per_node=8, memory_gib_per_node=32)]
    platform_pool: Name | None = None
    """Pool of the platform's own pods (Vault, SPIRE, collectors …); default: the first on-demand pool without GPUs, else the first."""
    ai_stack: AiStack = AiStack()
    engine: Engine = Engine()
    traffic: Traffic = Traffic()
    federation: Federation = Federation()
    training: list[TrainingJob] = []
    secrets: Secrets = Secrets()
    identity: Identity = Identity()
    runtime_rules: RuntimeRules = RuntimeRules()
    admission: Admission = Admission()
    data_stores: list[DataStore] = []
    messaging: Messaging = Messaging()
    telemetry: Telemetry = Telemetry()
    thresholds: list[Threshold] = []
    budget: Budget = Budget()

    _file: Path | None = PrivateAttr(default=None)

    @property
    def file(self) -> Path | None:
        """The file that it was read from, in full; None where it was made by a program."""
        return self._file

    def model_post_init(self, context: Any, /) -> None:
        """Keep the file, which whoever validates passes on as the context: it is nothing that a user writes, so no field."""
        self._file = context

    def pool(self, name: str) -> NodePool:
        """Return the node pool called ``name`` (validated to exist)."""
        return next(pool for pool in self.node_pools if pool.name == name)

    def region(self, name: str) -> Region:
        """Return the region called ``name`` (validated to exist)."""
        return next(region for region in self.regions if region.name == name)

    @model_validator(mode="after")
    def _references_resolve(self) -> Self:
        regions = {region.name: region for region in self.regions}
        pools = {pool.name for pool in self.node_pools}
        if len(pools) != len(self.node_pools):
            raise ValueError("two node pools have the same name")
        for pool in self.node_pools:
            if pool.region not in regions:
                raise UnknownReferenceError(("node_pools", pool.name, "region"), pool.region, list(regions))
            if unknown := set(pool.zones or []) - set(regions[pool.region].zones):
                raise UnknownReferenceError(("node_pools", pool.name, "zones"), min(unknown), regions[pool.region].zones)
        users: list[tuple[tuple[str, ...], str]] = [
            (("ai_stack", "pool"), self.ai_stack.pool),
            (("federation", "pool"), self.federation.pool),
            *([(("federation", "client_pool"), self.federation.client_pool)] if self.federation.client_pool else []),
            *([(("platform_pool",), self.platform_pool)] if self.platform_pool else []),
            (("messaging", "pool"), self.messaging.pool),
            *[(("training", job.name, "pool"), job.pool) for job in self.training],
            *[(("data_stores", store.name, "pool"), store.pool) for store in self.data_stores],
        ]
        for path, pool_name in users:
            if pool_name not in pools:
                raise UnknownReferenceError(path, pool_name, sorted(pools))
        return self


class UnknownReferenceError(ValueError):
    """A name points to nothing; carries the key path, the value and the names that exist."""

    def __init__(self, path: tuple[str, ...], value: str, allowed: list[str]) -> None:
        self.path, self.value, self.allowed = path, value, allowed
        super().__init__(f"{'.'.join(path)}: {value!r} is not one of {', '.join(allowed)}")
