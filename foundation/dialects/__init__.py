"""The wire formats of LLM providers, without sockets: Anthropic Messages, OpenAI chat completions, Gemini and Ollama.

Rule 1: one implementation for the gateway, the emulator and the load test; each dialect reads and writes both sides of its wire.
Rule 2: all share one model (``model/``): requests, responses, stream events, usage, errors. A translation is the decoder of one dialect
followed by the encoder of another. Fields that the target cannot express are listed in ``lost``, never dropped silently.
Rule 3: decoders return the same events however the bytes of a stream were split.
"""

from foundation.dialects.dialect import Dialect, Encoded, StreamDecoder, StreamEncoder
from foundation.dialects.registry import ANTHROPIC, DIALECTS, GEMINI, OLLAMA, OPENAI

__all__ = ["ANTHROPIC", "DIALECTS", "GEMINI", "OLLAMA", "OPENAI", "Dialect", "Encoded", "StreamDecoder", "StreamEncoder"]
