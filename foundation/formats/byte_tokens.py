"""The byte tokenizer of the models that this project writes itself: one byte is one token.

Byte-level BPE of GPT-2 (Radford et al. 2019, section 2.2) with no usable merge, so every loader of GGUF files knows it. The chat template
adds nothing: a prompt of n ASCII characters is n tokens.
"""

from __future__ import annotations

from typing import Any, Final

END_TOKEN: Final = 256  # first id after the bytes
_CHAT_TEMPLATE: Final = "{% for message in messages %}{{ message['content'] }}{% endfor %}"


def vocabulary() -> list[str]:
    """Return the 256 bytes as GPT-2 spells them (printable ones as themselves, the others from U+0100 on), an end and padding."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = (byte for byte in range(256) if byte not in printable)
    spelled = {byte: chr(byte) for byte in printable} | {byte: chr(0x100 + n) for n, byte in enumerate(others)}
    # Padded to a multiple of 32, the size of a block.
    return [spelled[byte] for byte in range(256)] + ["<|end|>"] + [f"<|reserved-{n}|>" for n in range(31)]


def add_byte_tokenizer(writer: Any) -> None:
    """Add the tokenizer's keys to a ``gguf.GGUFWriter``."""
    import gguf

    tokens = vocabulary()
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([gguf.TokenType.NORMAL] * END_TOKEN + [gguf.TokenType.CONTROL] * (len(tokens) - END_TOKEN))
    # The loader wants a list of merges; this one joins two control characters to a token that does not exist.
    writer.add_token_merges([f"{tokens[0]} {tokens[1]}"])
    writer.add_bos_token_id(END_TOKEN)
    writer.add_eos_token_id(END_TOKEN)
    writer.add_add_bos_token(value=False)
    writer.add_add_eos_token(value=False)
    writer.add_chat_template(_CHAT_TEMPLATE)
