"""Training runs: a Job each, or a CronJob if there is a schedule.

Rule 1: a run survives the loss of a node: workers write checkpoints, and an evicted worker is restarted without counting as a failure
(``podFailurePolicy``), so a run may use spot nodes. The project's own programs keep theirs on a claimed volume, which the next pod
mounts; an image of yours gets the address of the object store.
Rule 2: the arguments of the project's own programs are those of their ``spec.py``, which reads them back from a graph.
Rule 3: a run of other arguments begins in a folder of its own: its program refuses the checkpoints of another one.
Rule 4: a deployment does not wait for a run to finish (days), only for its object to be accepted.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Final

import pulumi
import pulumi_kubernetes as k8s

from stacks.components import places
from stacks.components.component import SKIP_AWAIT, Component
from stacks.components.network import STORE_PORTS, Flow, allow, to_services
from stacks.components.parts import claim_spec, claimed, from_field, scratch, workload_api
from stacks.components.pods import MIB_PER_GIB, Mount, Size, container, on_pool, pod_template
from workloads.compression.spec import CompressionSpec
from workloads.reinforcement.spec import POLICY, ReinforcementSpec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stacks.environment import Environment, Reinforcement, TrainingJob

_NAMESPACE = places.TRAINING
_PART: Final = "trainer"
#: Pods of the project's own programs, which work alone: they have no rendezvous.
_OWN_PART: Final = "program"
_ACCOUNT: Final = "trainer"
_RENDEZVOUS = 29400
_METRICS: Final = 9464
#: Where the volume of a run is mounted.
CHECKPOINTS: Final = "/checkpoints"
_FAILURES: Final = 3


def program_of(job: TrainingJob) -> tuple[str, list[str]]:
    """Return the image of a run, which is its container's name too, and the arguments."""
    if learned := job.reinforcement:
        return "reinforcement", _learning(learned).to_args()
    if made := job.compression:
        order = CompressionSpec(made.order, made.steps, made.seed, made.distil_steps, made.lora_steps)
        return "compression", replace(order, metrics_address=f"0.0.0.0:{_METRICS}", out=_folder_of(order.to_args())).to_args()
    return "trainer", [f"--job={job.name}", f"--workers={job.workers}", f"--rendezvous=trainer.{_NAMESPACE}.svc:{_RENDEZVOUS}"]


def policy_file(job: TrainingJob) -> str:
    """Return where a run of reinforcement learning leaves its policy, in its container and in any other that mounts the volume alike."""
    assert job.reinforcement, "the environment's rules see to it"
    return f"{_learning(job.reinforcement).out}/{POLICY}"


def _learning(section: Reinforcement) -> ReinforcementSpec:
    spec = ReinforcementSpec(section.algorithm, section.environment, section.steps, section.seeds, section.seed)
    return replace(spec, metrics_address=f"0.0.0.0:{_METRICS}", out=_folder_of(spec.to_args()))


def _folder_of(args: Sequence[str]) -> str:
    return f"{CHECKPOINTS}/{hashlib.sha256(' '.join(args).encode()).hexdigest()[:12]}"


def _is_ours(job: TrainingJob) -> bool:
    return bool(job.reinforcement or job.compression)


def _part_of(job: TrainingJob) -> str:
    return _OWN_PART if _is_ours(job) else _PART


def claim_of(job: TrainingJob) -> str:
    """Return the name of the claim of a run's volume."""
    return f"checkpoints-{job.name}"


def _gib(job: TrainingJob) -> int:
    """Return the room for two checkpoints, the last complete one and the one being written, and for what the run leaves."""
    return math.ceil(2 * job.checkpoint_gib) + 1


class Training(Component):
    """Every training run of the environment."""

    KIND: ClassVar = "workloads:Training"
    APP: ClassVar = "training"

    runs: dict[str, k8s.batch.v1.Job | k8s.batch.v1.CronJob]

    def __init__(self, name: str, *, environment: Environment, options: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, environment=environment, options=options)
        self.account = self.service_account(_ACCOUNT, _NAMESPACE, part=_PART)
        outside = [*to_services(environment), Flow((4317,), places.TELEMETRY)]
        if not all(map(_is_ours, environment.training)):
            # Workers find each other by DNS name; their Service exists as long as the namespace.
            self.service("trainer", _NAMESPACE, part=_PART, ports={"rendezvous": _RENDEZVOUS}, headless=True)
            meet = Flow((_RENDEZVOUS,), _NAMESPACE)
            allow(self, "trainer", _NAMESPACE, part=_PART, into=[meet], out_to=[meet, *outside])
        if any(map(_is_ours, environment.training)):
            allow(self, _OWN_PART, _NAMESPACE, part=_OWN_PART, into=[Flow((_METRICS,), places.TELEMETRY)], out_to=outside)
        self.runs = {job.name: self._scheduled(job, job.schedule) if job.schedule else self._once(job) for job in environment.training}
        self.register_outputs({"runs": sorted(self.runs)})

    def _claim(self, job: TrainingJob) -> list[pulumi.Resource]:
        """Declare the volume for the checkpoints of a program of the project."""
        if not _is_ours(job):
            return []
        metadata = self.metadata(claim_of(job), _NAMESPACE, part=_OWN_PART, annotations=SKIP_AWAIT)  # bound when the first pod mounts it
        claim = k8s.core.v1.PersistentVolumeClaim(
            f"{_NAMESPACE}/{claim_of(job)}", metadata=metadata, spec=claim_spec(_gib(job)), opts=self.options()
        )
        return [claim]

    def _once(self, job: TrainingJob) -> k8s.batch.v1.Job:
        return k8s.batch.v1.Job(
            f"{_NAMESPACE}/{job.name}",
            metadata=self.metadata(
                job.name,
                _NAMESPACE,
                part=_part_of(job),
                annotations=SKIP_AWAIT,  # a training run lasts longer than a deployment
            ),
            spec=self._spec(job),
            opts=self.options(self.account, *self._claim(job)),
        )

    def _scheduled(self, job: TrainingJob, schedule: str) -> k8s.batch.v1.CronJob:
        return k8s.batch.v1.CronJob(
            f"{_NAMESPACE}/{job.name}",
            metadata=self.metadata(job.name, _NAMESPACE, part=_part_of(job)),
            spec=k8s.batch.v1.CronJobSpecArgs(
                schedule=schedule,
                time_zone="Etc/UTC",
                concurrency_policy="Forbid",  # two runs of one model would overwrite each other's checkpoint
                starting_deadline_seconds=3600,
                successful_jobs_history_limit=3,
                failed_jobs_history_limit=3,
                job_template=k8s.batch.v1.JobTemplateSpecArgs(
                    metadata=k8s.meta.v1.ObjectMetaArgs(labels=self.labels(_part_of(job))), spec=self._spec(job)
                ),
            ),
            opts=self.options(self.account, *self._claim(job)),
        )

    def _spec(self, job: TrainingJob) -> k8s.batch.v1.JobSpecArgs:
        on_gpu = job.resources.gpu > 0
        return k8s.batch.v1.JobSpecArgs(
            parallelism=job.workers,
            completions=job.workers,
            completion_mode="Indexed",
            backoff_limit=_FAILURES,
            pod_failure_policy=k8s.batch.v1.PodFailurePolicyArgs(
                rules=[
                    k8s.batch.v1.PodFailurePolicyRuleArgs(
                        action="Ignore",
                        on_pod_conditions=[k8s.batch.v1.PodFailurePolicyOnPodConditionsPatternArgs(type="DisruptionTarget", status="True")],
                    )
                ]
            ),
            template=pod_template(
                self.labels(_part_of(job)),
                [self._worker(job)],
                placement=on_pool(self.environment, job.pool, gpu=on_gpu),
                service_account=_ACCOUNT,
                priority=job.priority,
                volumes=[
                    claimed("checkpoints", claim_of(job), read_only=False)
                    if _is_ours(job)
                    else scratch("checkpoints", round(2 * MIB_PER_GIB * job.checkpoint_gib) + 1),
                    scratch("tmp", 1024),
                    workload_api(),
                ],
                grace_s=110,  # below a spot node's two minutes: the last checkpoint is written and uploaded
                restart="Never",
                runtime_class="nvidia" if on_gpu else None,
            ),
        )

    def _worker(self, job: TrainingJob) -> k8s.core.v1.ContainerArgs:
        program, args = program_of(job)
        return container(
            program,
            program,
            Size.of(job.resources),
            args=args,
            env={
                "WORKER_INDEX": from_field("metadata.annotations['batch.kubernetes.io/job-completion-index']"),
                "SPIFFE_ENDPOINT_SOCKET": "unix:///spiffe-workload-api/spire-agent.sock",
                **({} if _is_ours(job) else self._checkpoint_store(job)),
            },
            ports={"metrics": _METRICS} if _is_ours(job) else {"rendezvous": _RENDEZVOUS},
            mounts=[
                Mount("checkpoints", CHECKPOINTS),
                Mount("tmp", "/tmp"),  # noqa: S108  # the container's own, an empty directory of the pod
                Mount("workload-api", "/spiffe-workload-api", read_only=True),
            ],
            # No probes: nothing waits for a worker to be ready, and only the run's own progress tells a hang from a long step. A probe that
            # mistook one for the other would fail the worker, which counts against the run.
        )

    def _checkpoint_store(self, job: TrainingJob) -> Mapping[str, str]:
        """Return where a checkpoint outlives its node: the first object store, if there is one."""
        store = next((store.name for store in self.environment.data_stores if store.kind == "object-store"), None)
        if store is None:
            return {}
        return {
            "CHECKPOINT_URL": f"s3://checkpoints/{job.name}",
            "S3_ENDPOINT": f"http://{store}.{places.DATA}.svc:{STORE_PORTS['object-store']}",
        }
