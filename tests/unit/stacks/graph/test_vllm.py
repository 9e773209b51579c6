"""vLLM as other people start it, and the labels that clouds put on nodes."""

from __future__ import annotations

from typing import Any

import pytest

from stacks.errors import ConfigurationError
from stacks.graph.recognition import clouds
from stacks.graph.recognition.vllm import CONTEXT_TOKENS, SEQUENCES, VllmArguments, vllm_arguments, with_group_size, with_sequences

IMAGE = "registry.example/vllm/vllm-openai:v0.19.0"
FORMS: list[dict[str, Any]] = [
    {"image": IMAGE, "args": ["--model", "m/llama", "--max-num-seqs=64", "--max-model-len", "8k"]},
    {"image": IMAGE, "command": ["vllm", "serve", "m/llama"], "args": ["--max_num_seqs", "64", "--max_model_len=8000"]},
    {"image": "own:1", "command": ["/bin/sh", "-c"], "args": ["vllm serve m/llama --max-num-seqs 64 \\\n  --max-model-len 8000 # chat"]},
    {
        "image": "own:1",
        "command": ["python3", "-m", "vllm.entrypoints.openai.api_server"],
        "args": ["--model=m/llama", "--max-num-seqs", "64", "--max-model-len", "8000"],
    },
]


@pytest.mark.parametrize("container", FORMS)
def test_every_form_says_the_same_and_takes_another_number(container: dict[str, Any]) -> None:
    assert vllm_arguments(container, "here") == VllmArguments("m/llama", 64, 8000)
    assert vllm_arguments(with_sequences(container, 128), "here") == VllmArguments("m/llama", 128, 8000)


def test_what_is_not_said_has_vllms_default_and_other_containers_are_none() -> None:
    assert vllm_arguments({"image": IMAGE}, "here") == VllmArguments("", SEQUENCES, CONTEXT_TOKENS)
    assert vllm_arguments({"image": "nginx:1", "args": ["--model", "x"]}, "here") is None
    assert vllm_arguments({"image": "own", "command": ["sh", "-c", 'echo "open']}, "here") is None
    assert vllm_arguments({"image": "router:1", "args": ["--backend", "vllm", "--port", "80"]}, "here") is None


@pytest.mark.parametrize("words", [["--tensor-parallel-size", "2"], ["--tensor_parallel_size=2"], ["-tp", "2"], ["-tp=2"]])
def test_the_gpus_of_an_engine_are_read_in_every_form_and_replaced(words: list[str]) -> None:
    container = {"image": IMAGE, "args": ["--model", "x", *words]}
    assert vllm_arguments(container, "here") == VllmArguments("x", SEQUENCES, CONTEXT_TOKENS, 2)
    assert vllm_arguments(with_group_size(container, 8), "here") == VllmArguments("x", SEQUENCES, CONTEXT_TOKENS, 8)
    with pytest.raises(ConfigurationError, match="here: --tensor-parallel-size"):
        vllm_arguments({"image": IMAGE, "args": ["-tp", "0"]}, "here")


@pytest.mark.parametrize("value", ["many", "0", "-1", "", "1.5", "64x", "99999999999"])
def test_a_number_that_is_none_is_named_with_its_place(value: str) -> None:
    with pytest.raises(ConfigurationError, match="here: --max-num-seqs"):
        vllm_arguments({"image": IMAGE, "args": ["--max-num-seqs", value]}, "here")


@pytest.mark.parametrize(
    ("labels", "pool", "purchase"),
    [
        ({"karpenter.sh/nodepool": "gpu", "karpenter.sh/capacity-type": "spot"}, "gpu", "spot"),
        ({"eks.amazonaws.com/nodegroup": "ng", "eks.amazonaws.com/capacityType": "ON_DEMAND"}, "ng", "on-demand"),
        ({"cloud.google.com/gke-nodepool": "np", "cloud.google.com/gke-spot": "true"}, "np", "spot"),
        ({"kubernetes.azure.com/agentpool": "ap", "kubernetes.azure.com/scalesetpriority": "spot"}, "ap", "spot"),
        ({}, None, "on-demand"),
    ],
)
def test_clouds_say_pool_and_purchase(labels: dict[str, str], pool: str | None, purchase: str) -> None:
    assert (clouds.pool_of(labels), clouds.purchase_of(labels)) == (pool, purchase)


def test_a_price_needs_cloud_region_and_type() -> None:
    assert clouds.price_reference("gce://project/zone/name", "us-east4", "a3-highgpu-8g") == "gcp/us-east4/a3-highgpu-8g"
    assert clouds.price_reference("kind://docker/kind/node", "r", "t") is None
    assert clouds.price_reference("aws:///us-east-1a/i-1", "", "m7i.4xlarge") is None


@pytest.mark.parametrize(
    ("product", "model"),
    [
        ("NVIDIA-H100-80GB-HBM3", "H100"),
        ("NVIDIA-H100-NVL", "H100"),
        ("NVIDIA-A100-SXM4-40GB", "A100"),
        ("NVIDIA-A100-80GB-PCIe", "A100-80GB"),
        ("NVIDIA-L4", "L4"),
        ("Tesla-T4", "T4"),
        ("A100-80GB", "A100-80GB"),
        (None, None),
    ],
)
def test_products_have_the_names_of_the_price_book(product: str | None, model: str | None) -> None:
    assert clouds.gpu_model(product) == model
