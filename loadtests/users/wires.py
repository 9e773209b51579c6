"""A user class for each wire: to load one alone, name it on Locust's command line or choose it on the page (``--class-picker``)."""

from __future__ import annotations

from typing import ClassVar, Final

from loadtests.users.chat import ChatUser


class OpenAiUser(ChatUser):
    """Asks by OpenAI's chat completions alone."""

    wire: ClassVar = "openai"


class AnthropicUser(ChatUser):
    """Asks by Anthropic's Messages alone."""

    wire: ClassVar = "anthropic"


class GeminiUser(ChatUser):
    """Asks by Gemini's generateContent alone."""

    wire: ClassVar = "gemini"


class OllamaUser(ChatUser):
    """Asks by Ollama's chat alone."""

    wire: ClassVar = "ollama"


WIRE_USERS: Final = (OpenAiUser, AnthropicUser, GeminiUser, OllamaUser)
