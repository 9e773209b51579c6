from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pulumi_kubernetes as k8s
import pytest

from stacks.components.builds import named_by_digest
from stacks.components.configurations import Configurations
from stacks.components.images import image
from stacks.components.parts import from_config_map
from stacks.components.pods import (
    NO_RIGHTS,
    Rights,
    Size,
    container,
    cpu_quantity,
    memory_quantity,
    on_pool,
    platform_pool,
    pod_template,
)
from stacks.environment import Environment, Resources
from stacks.graph import labels, same_image

DIGEST = "sha256:" + "0" * 64
GPU = {"model": "L4", "per_node": 1}


def environment() -> Environment:
    def pool(name: str, **fields: object) -> dict[str, object]:
        return {"name": name, "region": "local", "instance_type": "laptop", "vcpu_per_node": 8, "memory_gib_per_node": 32, **fields}

    pools = [pool("spot-cpu", purchase="spot"), pool("spot-gpu", purchase="spot", gpu=GPU), pool("gpu", gpu=GPU), pool("laptop")]
    return Environment.model_validate({"name": "test", "node_pools": pools})


@pytest.mark.parametrize(("cores", "written"), [(4, "4"), (0.25, "250m"), (1.5, "1500m"), (0.1 + 0.2, "300m")])
def test_cores_are_written_as_the_api_server_would(cores: float, written: str) -> None:
    assert cpu_quantity(cores) == written


@pytest.mark.parametrize(
    ("mib", "written"), [(8192, "8Gi"), (512, "512Mi"), (1536, "1536Mi"), (0.5, "512Ki"), (22.35 * 1024, "23435674Ki")]
)
def test_memory_is_written_in_the_largest_whole_unit(mib: float, written: str) -> None:
    assert memory_quantity(mib) == written


def test_memory_and_gpus_are_never_over_promised() -> None:
    size: Any = Size.of(Resources(cpu=4, memory_gib=8, gpu=1)).requirements()
    assert size.requests == {"cpu": "4", "memory": "8Gi", "nvidia.com/gpu": "1"}
    assert size.limits == size.requests


def test_a_container_has_no_rights_unless_it_asks() -> None:
    context: Any = container("web", "engine", Size(1, 64)).security_context
    assert context.run_as_non_root
    assert context.read_only_root_filesystem
    assert not context.privileged
    assert not context.allow_privilege_escalation
    assert context.capabilities.drop == ["ALL"]
    assert context.capabilities.add is None
    assert context.seccomp_profile.type == "RuntimeDefault"


def test_root_with_capabilities_is_still_not_privileged() -> None:
    context: Any = container("sensor", "falco", Size(1, 64), rights=Rights(root=True, capabilities=("BPF",))).security_context
    assert (context.run_as_user, context.run_as_non_root, context.privileged) == (0, False, False)
    assert context.capabilities.add == ["BPF"]


def test_a_pod_has_no_token_of_the_api_server_unless_it_asks() -> None:
    main = container("web", "engine", Size(1, 64), rights=NO_RIGHTS)
    spec: Any = pod_template({}, [main], placement=on_pool(environment(), "laptop"), service_account="web").spec
    assert spec.automount_service_account_token is False
    assert spec.enable_service_links is False


@pytest.mark.parametrize(
    ("pool", "options", "selector", "tolerated"),
    [
        ("laptop", {}, {labels.POOL: "laptop"}, []),
        ("spot-cpu", {}, {labels.POOL: "spot-cpu"}, [labels.PURCHASE]),
        ("spot-cpu", {"stateful": True}, {labels.POOL: "spot-cpu"}, []),
        ("gpu", {"gpu": True}, {labels.POOL: "gpu", labels.GPU_PRESENT: "true"}, [labels.GPU_RESOURCE]),
        ("gpu", {}, {labels.POOL: "gpu"}, []),
        ("spot-gpu", {"gpu": True}, {labels.POOL: "spot-gpu", labels.GPU_PRESENT: "true"}, [labels.GPU_RESOURCE, labels.PURCHASE]),
    ],
)
def test_pods_tolerate_only_what_they_need(pool: str, options: dict[str, bool], selector: dict[str, str], tolerated: list[str]) -> None:
    placement = on_pool(environment(), pool, **options)
    assert placement.node_selector == selector
    assert [toleration.key for toleration in placement.tolerations] == tolerated


def test_the_platform_runs_on_the_first_steady_pool_without_gpus() -> None:
    assert platform_pool(environment()) == "laptop"
    assert platform_pool(environment().model_copy(update={"platform_pool": "gpu"})) == "gpu"


def test_without_a_steady_pool_the_platform_takes_the_first() -> None:
    only_gpus = environment().model_copy(update={"node_pools": [pool for pool in environment().node_pools if pool.gpu]})
    assert platform_pool(only_gpus) == "spot-gpu"


def test_an_image_that_is_made_here_is_named_by_its_digest() -> None:
    made, other = container("web", "engine", Size(1, 64)), container("first", "gateway", Size(1, 64))
    template = pod_template({}, [made], init_containers=[other], placement=on_pool(environment(), "laptop"), service_account="web")
    spec = k8s.apps.v1.DeploymentSpecArgs(selector=k8s.meta.v1.LabelSelectorArgs(), template=template)
    arguments: Any = SimpleNamespace(type_="kubernetes:apps/v1:Deployment", props={"spec": spec})
    named_by_digest({image("engine"): DIGEST})(arguments)
    assert (made.image, other.image) == (f"{image('engine')}@{DIGEST}", image("gateway"))


@pytest.mark.parametrize(("made", "suffix"), [({}, ""), ({"a/b:1": DIGEST}, f"@{DIGEST}")])
def test_a_function_of_crossplane_is_named_by_its_digest_too(made: dict[str, str], suffix: str) -> None:
    spec = {"package": "a/b:1", "packagePullPolicy": "IfNotPresent"}
    arguments: Any = SimpleNamespace(type_="kubernetes:pkg.crossplane.io/v1:Function", props={"spec": spec})
    named_by_digest(made)(arguments)
    assert spec["package"] == f"a/b:1{suffix}"


def test_a_reference_with_the_digest_of_its_build_is_the_same_image() -> None:
    plain, built, again = "a/b:1", f"a/b:1@{DIGEST}", f"a/b:1@{DIGEST[:-1]}1"
    assert same_image(plain, built)
    assert same_image(built, plain)
    assert not same_image(built, again)
    assert not same_image(plain, "a/b:2")


PROJECTED = k8s.core.v1.VolumeArgs(
    name="config",
    projected=k8s.core.v1.ProjectedVolumeSourceArgs(
        sources=[
            k8s.core.v1.VolumeProjectionArgs(service_account_token=k8s.core.v1.ServiceAccountTokenProjectionArgs(path="token")),
            k8s.core.v1.VolumeProjectionArgs(config_map=k8s.core.v1.ConfigMapProjectionArgs(name="web")),
        ]
    ),
)


@pytest.mark.parametrize("volume", [from_config_map("config", "web"), PROJECTED], ids=["by itself", "projected"])
def test_pods_are_rolled_out_with_the_configuration_that_they_mount(volume: k8s.core.v1.VolumeArgs) -> None:
    def declared(text: str, *, others_write: bool = False, kind: str = "apps/v1:Deployment") -> dict[str, str]:
        configurations = Configurations()
        options = SimpleNamespace(ignore_changes=["data"] if others_write else None)
        config: Any = SimpleNamespace(type_="kubernetes:core/v1:ConfigMap", name="ai/web", props={"data": {"a": text}}, opts=options)
        configurations.roll_out(config)
        main = container("web", "engine", Size(1, 64))
        place = on_pool(environment(), "laptop")
        template = pod_template({}, [main], placement=place, service_account="web", volumes=[volume])
        spec = k8s.apps.v1.DeploymentSpecArgs(selector=k8s.meta.v1.LabelSelectorArgs(), template=template)
        workload: Any = SimpleNamespace(type_=f"kubernetes:{kind}", name="ai/web", props={"spec": spec}, opts=options)
        configurations.roll_out(workload)
        metadata: Any = template.metadata
        return dict(metadata.annotations or {})

    assert declared("one") == declared("one")
    assert declared("one") != declared("two")
    assert declared("one", others_write=True) == declared("one", kind="batch/v1:Job") == {}
