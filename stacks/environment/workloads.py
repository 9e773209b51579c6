"""The workloads: serving, federated learning, training."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import Field, field_validator, model_validator

from stacks.environment import schedule
from stacks.environment.values import (
    LARGEST_CPUS,
    LARGEST_GIB,
    Cpus,
    Gpus,
    MemoryGib,
    Model,
    Name,
    PathText,
    Pods,
    Priority,
    SomePods,
    Tokens,
)
from workloads.compression.spec import STAGE_STEPS

Steps = Annotated[int, Field(ge=1, le=10**9)]
Seed = Annotated[int, Field(ge=0, le=2**31 - 1)]
GENRES: Final = "01234567"
"""Of the recommender (``workloads/reinforcement/environments/recommender.py``)."""
Genre = Annotated[str, Field(pattern=f"^[{GENRES}]$")]


class Resources(Model):
    """The resource requests of one pod."""

    cpu: Cpus = 1.0
    memory_gib: MemoryGib = 1.0
    gpu: Gpus = 0


class Autoscaling(Model):
    """Bounds of the horizontal autoscaler; absent means a fixed number of replicas."""

    min_replicas: SomePods = 1
    max_replicas: SomePods = 1
    target_cpu_share: Annotated[float, Field(ge=0.01, le=1)] = 0.7

    @model_validator(mode="after")
    def _min_not_over_max(self) -> Self:
        if self.min_replicas > self.max_replicas:
            raise ValueError(f"min_replicas ({self.min_replicas}) is larger than max_replicas ({self.max_replicas})")
        return self


class Replicated(Model):
    """Replicas of one pod behind one Service."""

    replicas: Pods = 1
    """With ``autoscaling`` the initial number, within its bounds."""
    pool: Name = "laptop"
    resources: Resources = Resources()
    autoscaling: Autoscaling | None = None
    min_available: Pods | None = None
    """Disruption budget: replicas that must stay available during voluntary disruptions. Absent: no budget."""
    priority: Priority = "serving"

    @model_validator(mode="after")
    def _within_the_autoscaler(self) -> Self:
        bounds = self.autoscaling
        if bounds and not bounds.min_replicas <= self.replicas <= bounds.max_replicas:
            raise ValueError(
                f"replicas ({self.replicas}) is not within the bounds of `autoscaling`, {bounds.min_replicas} to {bounds.max_replicas}; "
                "the autoscaler would change it at once"
            )
        return self


class AiStack(Replicated):
    """The serving Deployment: replicas of the engine behind one Service."""


class Reinforcement(Model):
    """Reinforcement learning by ``workloads/reinforcement``."""

    algorithm: Literal["q-learning", "dqn", "ppo"] = "ppo"
    environment: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_/-]*$", max_length=100)] = "CartPole-v1"
    """One of Gymnasium's, ``recommender`` or ``noughts-and-crosses``."""
    steps: Steps = 100_000
    seeds: Annotated[int, Field(ge=1, le=100)] = 1
    """Runs, one after the other; five or more say something."""
    seed: Seed = 0


class Compression(Model):
    """Compression of the small language model by ``workloads/compression``, which trains it first if it is missing."""

    order: Literal["sensible", "asked", "both"] = "sensible"
    """Of the stages: prune, distil, LoRA, quantise; or, as asked, quantise first."""
    steps: Steps = 1000
    """Of the model's training; the other two are those of the stages that train."""
    distil_steps: Steps = STAGE_STEPS["distil"]
    lora_steps: Steps = STAGE_STEPS["lora"]
    seed: Seed = 0


class TrainingJob(Model):
    """A training run: a Job, or a CronJob if it has a schedule. Without a program of the project it runs your image ``trainer``."""

    name: Name
    pool: Name
    workers: SomePods = 1
    resources: Resources = Resources()
    schedule: str | None = None
    """Cron expression; absent: run once."""
    checkpoint_gib: Annotated[float, Field(ge=0, le=LARGEST_GIB)] = 1.0
    priority: Priority = "training"
    reinforcement: Reinforcement | None = None
    """The program and its arguments; at most one of the two."""
    compression: Compression | None = None

    @model_validator(mode="after")
    def _one_program_in_one_process(self) -> Self:
        if self.reinforcement and self.compression:
            raise ValueError("has both `reinforcement` and `compression`; make two training jobs of it")
        if (self.reinforcement or self.compression) and self.workers > 1:
            raise ValueError(f"workers ({self.workers}): the project's training programs run in one process; leave it at 1")
        return self

    @field_validator("schedule")
    @classmethod
    def _runs_at_times(cls, value: str | None) -> str | None:
        if value is not None and (problem := schedule.problem(value)):
            raise ValueError(problem)
        return value


class Application(Model):
    """A program that answers by the policy of a training run. It is one pod: its versions or its people are in its memory."""

    name: Name
    program: Literal["game", "recommender"]
    policy_of: Name
    """The training run, by its name: Q-learning in ``noughts-and-crosses`` for the game, in ``recommender`` for the recommender."""
    pool: Name = "laptop"
    resources: Resources = Resources()
    catalogue: dict[Genre, Annotated[list[str], Field(min_length=1)]] | None = None
    """Of the recommender alone: items for each of its eight genres, 0 to 7."""

    @model_validator(mode="after")
    def _items_of_every_genre(self) -> Self:
        if self.program == "game" and self.catalogue is not None:
            raise ValueError("has a `catalogue`, which only the recommender reads; leave it out")
        if self.program == "recommender" and (lacking := sorted(set(GENRES) - set(self.catalogue or {}))):
            raise ValueError(f"`catalogue` has no items of genre {', '.join(lacking)}; the recommender shows all of 0 to 7")
        return self


class Engine(Model):
    """How each replica of the serving Deployment generates tokens."""

    model: PathText = "synthetic"
    """Path of a GGUF file, ``synthetic`` for the small random-weight model that the project writes itself, or ``tiny`` for the small one
    that the first command which needs it trains once, about five minutes."""
    model_claim: Name | None = None
    """Only with ``provider: kubeconfig``: PersistentVolumeClaim in namespace ``ai`` with the model. Replicas mount it at ``/models``, so
    ``model`` is a path under that; the engine of a rehearsal reads the same path on this machine."""
    slots: Annotated[int, Field(ge=1, le=4096)] = 4
    context_tokens: Tokens = 1024
    """Context of each slot; the longest prompt plus the longest answer of ``traffic`` must fit."""
    threads: Annotated[int, Field(ge=1, le=LARGEST_CPUS)] = 1
    """At most the CPUs of a replica (``ai_stack.resources.cpu``)."""
