"""OpenAI chat completions, as OpenAI, llama.cpp, vLLM and others serve them."""

from foundation.dialects.openai.dialect import OpenAiDialect

__all__ = ["OpenAiDialect"]
