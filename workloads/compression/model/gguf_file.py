"""The model as a GGUF file: what the engine loads is what is measured.

Matrices are written in the asked block format, norms in F32. Reading gives the weights that the blocks stand for, so a loss measured on
them is the loss of the file. It carries a digest of itself (``seal.py``), so that a damaged one is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from foundation.formats.byte_tokens import add_byte_tokenizer
from foundation.processes.atomic_file import replacing
from workloads.compression.errors import ModelFileError, ShapeError
from workloads.compression.model.seal import KEY, UNSEALED, check_seal, seal
from workloads.compression.model.transformer import NORM_EPSILON, ROPE_BASE, Shape, Weights, check
from workloads.compression.quantisation.blocks import dequantise, quantise

KINDS: Final = ("F32", "Q8_0", "Q4_0")
_ARCHITECTURE: Final = "llama"


def write_gguf(path: Path, weights: Mapping[str, Tensor], shape: Shape, kind: str) -> int:
    """Write the model to ``path``, replacing what is there; return its size in bytes.

    Args:
        path: in a folder that exists.
        weights: by name.
        shape: of the model.
        kind: of the matrices: ``F32``, ``Q8_0`` or ``Q4_0``.

    Raises:
        ShapeError: a weight is missing, has another shape, or is not finite.
        ModelFileError: the file cannot be written.
    """
    check(weights, shape)
    try:
        with replacing(path) as partial:
            _write(partial, weights, shape, kind)
    except OSError as error:
        why = error.strerror or error
        raise ModelFileError(f"{path}: the model cannot be written: {why}; free space there or name another folder") from error
    return path.stat().st_size


def _write(path: Path, weights: Mapping[str, Tensor], shape: Shape, kind: str) -> None:
    import gguf

    writer = gguf.GGUFWriter(path, _ARCHITECTURE)
    writer.add_name("sandtable-tiny")
    writer.add_string(KEY, UNSEALED)
    writer.add_block_count(shape.layers)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_layer_norm_rms_eps(NORM_EPSILON)
    writer.add_rope_dimension_count(shape.head_width)
    writer.add_rope_freq_base(ROPE_BASE)
    writer.add_file_type(
        {"F32": gguf.LlamaFileType.ALL_F32, "Q8_0": gguf.LlamaFileType.MOSTLY_Q8_0, "Q4_0": gguf.LlamaFileType.MOSTLY_Q4_0}[kind]
    )
    add_byte_tokenizer(writer)
    for name in shape.tensors():
        values = weights[name].detach().to(torch.float32).numpy()
        if kind == "F32" or values.ndim == 1:
            writer.add_tensor(name, np.ascontiguousarray(values))
        else:
            writer.add_tensor(name, quantise(values, kind, name=name), raw_dtype=gguf.GGMLQuantizationType[kind])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    seal(path)


def read_gguf(path: Path) -> tuple[Weights, Shape]:
    """Read a model that :func:`write_gguf` has written.

    Raises:
        ModelFileError: no GGUF file, a damaged one, or another architecture.
        ShapeError: its sizes fit no model of ours, or its weights are not those that its head announces.
    """
    import gguf

    try:
        check_seal(path)
        reader = gguf.GGUFReader(path)
        fields = reader.fields
        architecture = fields["general.architecture"].contents()
        if architecture != _ARCHITECTURE:
            raise ModelFileError(f"{path}: architecture {architecture!r}; only {_ARCHITECTURE!r} models can be compressed")

        def size(key: str) -> int:
            return int(fields[f"{_ARCHITECTURE}.{key}"].contents())

        shape = Shape(
            layers=size("block_count"), width=size("embedding_length"), feed_forward=size("feed_forward_length"),
            heads=size("attention.head_count"), kv_heads=size("attention.head_count_kv"), context=size("context_length"),
        )  # fmt: skip
        weights = {tensor.name: torch.from_numpy(_values(tensor, path)) for tensor in reader.tensors}
        check(weights, shape)
    except OSError as error:
        raise ModelFileError(f"{path}: {error.strerror}; name a GGUF file") from error
    except ShapeError as error:
        raise ShapeError(f"{path}: {error}") from error
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise ModelFileError(f"{path}: not a whole GGUF file ({error}); make it again") from error
    return weights, shape


def _values(tensor: Any, path: Path) -> np.ndarray[Any, np.dtype[np.float32]]:
    kind = tensor.tensor_type.name
    if kind not in KINDS:
        raise ModelFileError(f"{path}: {tensor.name} is stored as {kind}; {', '.join(KINDS)} can be read")
    return np.array(tensor.data, dtype=np.float32) if kind == "F32" else dequantise(np.array(tensor.data), kind)
