"""The configuration file, typed. Names include the units; every default runs on a laptop."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, Strict, model_validator

NAME_FORM: Final = r"^[\w.:/+@-]+$"
REDIS_FORM: Final = r"^rediss?://[^\s@]+$"
ADDRESS_FORM: Final = r"^https?://[^\s]+$"

Name: TypeAlias = Annotated[str, Field(min_length=1, max_length=120, pattern=NAME_FORM)]


Address: TypeAlias = Annotated[str, Field(pattern=ADDRESS_FORM)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True)


class Timeouts(_Part):
    """Each phase of a call has its own."""

    connect_s: float = Field(default=2.0, gt=0)
    first_byte_s: float = Field(default=60.0, gt=0)
    first_token_s: float = Field(default=30.0, gt=0)
    idle_s: float = Field(default=20.0, gt=0)
    """The longest pause within a stream."""
    total_s: float = Field(default=300.0, gt=0)
    """The deadline of a request with all its attempts."""


class OwnPrice(_Part):
    """The price of a self-hosted provider, in dollars per million tokens; at most three decimals."""

    input: str = "0"
    output: str = "0"
    cache_read: str | None = None


class ProviderTerms(_Part):
    """What is known of a provider apart from its address and its key."""

    dialect: Literal["anthropic", "openai", "gemini", "ollama"]
    label: Name = "local"
    """Its name in prices and telemetry."""
    region: str = "local"
    """Where it processes data; a tenant may be bound to regions."""
    timeouts: Timeouts = Timeouts()
    max_in_flight: int = Field(default=1000, ge=1)
    """Requests at a time; the others go to another target."""
    price: OwnPrice | None = None
    """Absent: the price book knows the prices of its models."""


class Provider(ProviderTerms):
    """An upstream provider; its key comes from the environment or a file."""

    base_url: Address
    api_key_env: str | None = None
    api_key_file: str | None = None
    headers: dict[str, str] = {}


class Target(_Part):
    """A model of a provider."""

    provider: Name
    model: Name
    """As the provider calls it."""
    weight: float = Field(default=1.0, gt=0)
    """How often it is considered, relative to the other targets."""
    context_tokens: int = Field(default=200_000, ge=1)
    """Its limit; longer requests go to a target with a larger one."""


class Complexity(_Part):
    """The route for each level of difficulty."""

    simple: Name
    medium: Name
    complex: Name


class Canary(_Part):
    """Sends a share of the requests to another route, by a hash of tenant and user, so that each user stays on one side."""

    route: Name
    share: float = Field(ge=0, le=1)


#: A list also where the document was read as Python values, as YAML is.
_Targets: TypeAlias = Annotated[tuple[Target, ...], Strict(strict=False)]


class Route(_Part):
    """The targets behind a name that clients request."""

    targets: _Targets = ()
    """Equivalent to each other."""
    fallbacks: _Targets = ()
    """Tried in order if no target can serve."""
    prefer: Literal["balance", "cost", "latency"] = "balance"
    """Among the targets ``balance`` takes the least loaded and fastest, ``cost`` the cheapest, ``latency`` the fastest."""
    complexity: Complexity | None = None
    """Instead of targets: the route depends on how difficult the request is."""
    canary: Canary | None = None
    truncation: Literal["refuse", "drop_oldest"] = "refuse"
    """What becomes of a prompt that is too long for every target: it is rejected, or its oldest turns are dropped."""
    cache: bool = True
    """Whether answers may come from the cache."""


class Limits(_Part):
    """The usage limits; a missing number means no limit."""

    requests_per_min: float | None = Field(default=None, gt=0)
    input_tokens_per_min: float | None = Field(default=None, gt=0)
    output_tokens_per_min: float | None = Field(default=None, gt=0)
    usd_per_day: float | None = Field(default=None, gt=0)


class Key(_Part):
    """A virtual key: only its SHA-256 is stored, here or in a file. ``python -m workloads.gateway key`` creates one."""

    id: Name
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    sha256_file: str | None = None
    limits: Limits = Limits()

    @model_validator(mode="after")
    def _has_one_digest(self) -> Self:
        if (self.sha256 is None) == (self.sha256_file is None):
            raise ValueError("needs either sha256 or sha256_file")
        return self


class Tenant(_Part):
    """A user of the gateway and its limits. Empty ``regions`` or ``routes`` mean all."""

    keys: tuple[Key, ...] = Field(min_length=1)
    limits: Limits = Limits()
    routes: tuple[Name, ...] = ()
    regions: tuple[str, ...] = ()


class Retries(_Part):
    """Retries per target, and their maximum share of all traffic."""

    max_attempts_per_target: int = Field(default=3, ge=1, le=10)
    max_attempts: int = Field(default=6, ge=1, le=30)
    """Of one request, with all its targets."""
    base_ms: float = Field(default=100.0, gt=0)
    """Bound of the first random pause; it doubles each time."""
    cap_ms: float = Field(default=30_000.0, gt=0)
    budget_share: float = Field(default=0.1, ge=0, le=1)
    """Retries that each request adds to the budget."""
    budget_reserve: float = Field(default=10.0, ge=0)
    """Retries that may be saved up, and that there are at the start."""
    patience_ms: float = Field(default=1_500.0, ge=0)
    """A longer pause is not waited for if another target can serve."""


class Breakers(_Part):
    """When a target's circuit breaker opens."""

    window_s: float = Field(default=30.0, gt=0)
    least_calls: int = Field(default=3, ge=1)
    """Fewer calls in the window decide nothing."""
    failed_share: float = Field(default=0.5, gt=0, le=1)
    slow_s: float = Field(default=60.0, gt=0)
    """A call that takes longer is slow."""
    slow_share: float = Field(default=0.8, gt=0, le=1)
    open_s: float = Field(default=30.0, gt=0)
    """Time until one request is let through as a probe."""


class Cache(_Part):
    """The exact cache; 0 bytes turn it off."""

    max_bytes: int = Field(default=64 * 1024 * 1024, ge=0)
    """An answer of more than an eighth of it is not kept."""
    ttl_s: float = Field(default=300.0, gt=0)
    redis: str | None = Field(default=None, pattern=REDIS_FORM)
    """Address of a Redis or Valkey that all replicas share, ``redis://host:port``; absent: each keeps its own in memory."""
    redis_password_file: str | None = None


class Safety(_Part):
    """The constitutional layer. ``principles`` is an additional file; ``judge`` is the route that critiques and revises."""

    enabled: bool = False
    principles: str | None = None
    judge: Name | None = None
    max_rounds: int = Field(default=2, ge=0, le=5)


class Telemetry(_Part):
    """Where traces go. ``content`` includes prompts and responses; off by default."""

    otlp_endpoint: Address | None = None
    service_name: str = "gateway"
    content: bool = False
    export_s: float = Field(default=5.0, gt=0)


class Media(_Part):
    """Images by URL: providers that fetch them get only public addresses; the gateway itself fetches no URL."""

    allow_urls: bool = True


class Bounds(_Part):
    """Limits on the size and duration of client requests."""

    max_body_bytes: int = Field(default=32 * 1024 * 1024, ge=1024)
    body_timeout_s: float = Field(default=30.0, gt=0)
    head_timeout_s: float = Field(default=10.0, gt=0)
    max_head_bytes: int = Field(default=65_536, ge=1024)
    unread_timeout_s: float = Field(default=30.0, gt=0)
    """A client that leaves its answer unread for so long (less than 16 KiB of it read) is cut off."""
    max_in_flight: int = Field(default=2_000, ge=1)
    failed_keys_per_min: float = Field(default=60.0, gt=0)
    drain_s: float = Field(default=20.0, ge=0)
    drain_delay_s: float = Field(default=0.0, ge=0)


class Configuration(_Part):
    """Everything."""

    providers: dict[Name, Provider] = Field(min_length=1)
    routes: dict[Name, Route] = Field(min_length=1)
    tenants: dict[Name, Tenant] = Field(min_length=1)
    retries: Retries = Retries()
    breaker: Breakers = Breakers()
    cache: Cache = Cache()
    safety: Safety = Safety()
    telemetry: Telemetry = Telemetry()
    media: Media = Media()
    bounds: Bounds = Bounds()
    prices: tuple[str, ...] = ()
    ledger: str | None = None
