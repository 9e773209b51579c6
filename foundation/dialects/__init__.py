"""The wire formats of LLM providers, without sockets: Anthropic Messages, OpenAI chat completions, Gemini and Ollama.

Rule 1: written once, for the gateway, the emulator and the load test; each dialect reads and writes both sides of its wire.
Rule 2: one model between them (``model/``): a request, an answer, events of a stream, usage, errors. A translation is a decoder of one
dialect followed by the encoder of another; what the other cannot say is named in ``lost``, never dropped in silence.
Rule 3: decoders take the bytes of a stream however they were cut and give the same events.
"""

from foundation.dialects.dialect import Dialect, Encoded, StreamDecoder, StreamEncoder
from foundation.dialects.registry import ANTHROPIC, DIALECTS, GEMINI, OLLAMA, OPENAI

__all__ = ["ANTHROPIC", "DIALECTS", "GEMINI", "OLLAMA", "OPENAI", "Dialect", "Encoded", "StreamDecoder", "StreamEncoder"]
