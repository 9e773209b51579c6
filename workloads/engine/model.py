"""The synthetic model: a small GGUF with random weights, so that the engine under test needs no download.

Rule 1: one ASCII character is one token, and the chat template adds nothing: a prompt of n characters is n tokens.
Rule 2: every generated token is one visible ASCII letter and no sequence ends early, so each streamed chunk carries one token.
Rule 3: the same recipe gives the same weights; the file is named by a digest of the recipe and appears under its name when it is whole.

How rule 2 is kept without a bias tensor, which the llama architecture lacks: dimension 0 of the residual stream is a constant. Every
token's embedding has the same large number there, the norms before attention and feed-forward blank it out, and the rows of the
matrices that write into it are zero. The output matrix has zeros in that column for letters and a large negative weight for all else.

Formats: GGUF (ggml, docs/gguf.md), Q4_0 blocks, and Q8_0 for the two matrices that keep rule 2; byte-level BPE of GPT-2 (Radford et al.
2019, section 2.2) with no usable merge.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from string import ascii_lowercase
from typing import TYPE_CHECKING, Any, Final

from foundation.processes.atomic_file import replacing
from workloads.engine.errors import ModelFileError

if TYPE_CHECKING:
    import numpy as np

    _Matrix = np.ndarray[Any, np.dtype[np.float32]]

SYNTHETIC: Final = "synthetic"
_FORMAT: Final = 2
"""Raised when the code below writes another file for the same recipe."""
_END: Final = 256  # first id after the bytes
_CHAT_TEMPLATE: Final = "{% for message in messages %}{{ message['content'] }}{% endfor %}"


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
    _add_tokenizer(writer)
    _add_weights(writer, recipe)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _vocabulary() -> list[str]:
    """Return the 256 bytes as GPT-2 spells them (printable ones as themselves, the others from U+0100 on), an end and padding."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = (byte for byte in range(256) if byte not in printable)
    spelled = {byte: chr(byte) for byte in printable} | {byte: chr(0x100 + n) for n, byte in enumerate(others)}
    # Padded to a multiple of 32, the size of a block.
    return [spelled[byte] for byte in range(256)] + ["<|end|>"] + [f"<|reserved-{n}|>" for n in range(31)]


def _add_tokenizer(writer: Any) -> None:
    import gguf

    tokens = _vocabulary()
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([gguf.TokenType.NORMAL] * _END + [gguf.TokenType.CONTROL] * (len(tokens) - _END))
    # The loader wants a list of merges; this one joins two control characters to a token that does not exist.
    writer.add_token_merges([f"{tokens[0]} {tokens[1]}"])
    writer.add_bos_token_id(_END)
    writer.add_eos_token_id(_END)
    writer.add_add_bos_token(value=False)
    writer.add_add_eos_token(value=False)
    writer.add_chat_template(_CHAT_TEMPLATE)


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

    vocabulary = len(_vocabulary())
    embedding = random.standard_normal((vocabulary, width), dtype=np.float32)
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
    output = random.standard_normal((vocabulary, width), dtype=np.float32) * np.float32(0.1)
    output[:, 0] = -100
    output[[ord(letter) for letter in ascii_lowercase], 0] = 0
    put("output", output, gguf.GGMLQuantizationType.Q8_0)
