"""OpenAI chat completions, as served by OpenAI, llama.cpp, vLLM and others."""

from foundation.dialects.openai.dialect import OpenAiDialect

__all__ = ["OpenAiDialect"]
