"""The synthetic model: a small GGUF with random weights, so that the engine under test needs no download.

Rule 1: one ASCII character is one token, and the chat template adds nothing: a prompt of n characters is n tokens.
Rule 2: every generated token is one visible ASCII letter and no sequence ends early, so each streamed chunk carries one token.
Rule 3: the same recipe gives the same weights; the file is named by a digest of the recipe and appears under its name when it is whole.

How rule 2 is kept without a bias tensor, which the llama architecture lacks: dimension 0 of the residual stream is a constant. Every
token's embedding has the same large number there, the norms before attention and feed-forward blank it out, and the rows of the
matrices that write into it are zero. The output matrix has zeros in that column for letters and a large negative weight for all else.

Formats: GGUF (ggml, docs/gguf.md), Q4_0 blocks, and Q8_0 for the two matrices that keep rule 2; the byte tokenizer of
``foundation/formats/byte_tokens.py``.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from string import ascii_lowercase
from typing import TYPE_CHECKING, Any, Final

from foundation.formats.byte_tokens import add_byte_tokenizer, vocabulary
from foundation.processes.atomic_file import replacing
from workloads.engine.errors import ModelFileError

if TYPE_CHECKING:
    import numpy as np

    _Matrix = np.ndarray[Any, np.dtype[np.float32]]

SYNTHETIC: Final = "synthetic"
TINY: Final = "tiny"
"""The small model that ``workloads.compression`` trains; its answers follow from its text, those of the synthetic model from nothing."""
_FORMAT: Final = 2
"""Raised when the code below writes another file for the same recipe."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Shape of the model. The defaults give 7 MB, about 0.7 ms a token and 0.4 ms a prompt token on one core.

    Deep and narrow with few bits a weight, because a model that waits for memory is a bad instrument: how long it waits depends on who
    else uses the processor's last-level cache. With a neighbour that only writes memory a token takes 1.09 times as long; with 8 bits a
    weight it was 1.30 times.
    """

    layers: int = 16
    width: int = 256
    feed_forward: int = 768
    heads: int = 8
    kv_heads: int = 2
    trained_context: int = 131_072
    seed: int = 1

    @property
    def digest(self) -> str:
        """Twelve hexadecimal digits that name the file."""
        text = json.dumps([_FORMAT, asdict(self)], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def ensure_model(folder: Path, recipe: Recipe | None = None) -> Path:
    """Return the path of the synthetic model in ``folder``, writing it first if it is missing (under a second).

    Raises:
        ModelFileError: the folder cannot be written.
    """
    recipe = recipe or Recipe()
    path = folder / f"synthetic-{recipe.digest}.gguf"
    if path.is_file():
        return path
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(path) as partial:  # a second writer replaces it with the same bytes
            _write(partial, recipe)
    except OSError as error:
        why = error.strerror or error
        raise ModelFileError(f"the synthetic model cannot be written to {folder}: {why}; name a writable folder with 64 MB free") from error
    return path


def trained_model_path(folder: Path) -> Path:
    """Return where the trained model is in ``folder``, or will be."""
    return folder / "tiny-model" / "tiny.gguf"


def trained_model(folder: Path) -> Path:
    """Return the path of the trained model in ``folder``.

    Raises:
        ModelFileError: it has not been made yet.
    """
    path = trained_model_path(folder)
    if not path.is_file():
        raise ModelFileError(
            f"the trained model is not in {path.parent}; make it once with `nox -s tiny_model` (installs torch, 5 GB, and trains for some "
            f"minutes), or name {SYNTHETIC!r}"
        )
    return path


def _write(path: Path, recipe: Recipe) -> None:
    import gguf

    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("sandtable-synthetic")
    writer.add_block_count(recipe.layers)
    writer.add_context_length(recipe.trained_context)
    writer.add_embedding_length(recipe.width)
    writer.add_feed_forward_length(recipe.feed_forward)
    writer.add_head_count(recipe.heads)
    writer.add_head_count_kv(recipe.kv_heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(recipe.width // recipe.heads)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q4_0)
    add_byte_tokenizer(writer)
    _add_weights(writer, recipe)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_weights(writer: Any, recipe: Recipe) -> None:
    import gguf
    import numpy as np
    from gguf.quants import quantize

    random = np.random.default_rng(recipe.seed)
    width, hidden = recipe.width, recipe.feed_forward
    kv_width = width * recipe.kv_heads // recipe.heads

    def put(name: str, values: _Matrix, blocks: gguf.GGMLQuantizationType = gguf.GGMLQuantizationType.Q4_0) -> None:
        writer.add_tensor(f"{name}.weight", quantize(values, blocks), raw_dtype=blocks)

    def matrix(rows: int, columns: int, *, keeps_constant: bool = False) -> _Matrix:
        values = random.standard_normal((rows, columns), dtype=np.float32) / np.float32(np.sqrt(columns))
        if keeps_constant:
            values[0] = 0  # nothing is added to dimension 0 of the residual stream
        return values

    tokens = len(vocabulary())
    embedding = random.standard_normal((tokens, width), dtype=np.float32)
    embedding[:, 0] = 16  # so that it is still near 0.5 after the last norm, whatever the blocks add elsewhere
    put("token_embd", embedding, gguf.GGMLQuantizationType.Q8_0)
    norm = np.ones(width, dtype=np.float32)
    blind_norm = norm.copy()
    blind_norm[0] = 0
    for n in range(recipe.layers):
        writer.add_tensor(f"blk.{n}.attn_norm.weight", blind_norm)
        put(f"blk.{n}.attn_q", matrix(width, width))
        put(f"blk.{n}.attn_k", matrix(kv_width, width))
        put(f"blk.{n}.attn_v", matrix(kv_width, width))
        put(f"blk.{n}.attn_output", matrix(width, width, keeps_constant=True))
        writer.add_tensor(f"blk.{n}.ffn_norm.weight", blind_norm)
        put(f"blk.{n}.ffn_gate", matrix(hidden, width))
        put(f"blk.{n}.ffn_up", matrix(hidden, width))
        put(f"blk.{n}.ffn_down", matrix(width, hidden, keeps_constant=True))
    writer.add_tensor("output_norm.weight", norm)
    output = random.standard_normal((tokens, width), dtype=np.float32) * np.float32(0.1)
    output[:, 0] = -100
    output[[ord(letter) for letter in ascii_lowercase], 0] = 0
    put("output", output, gguf.GGMLQuantizationType.Q8_0)
