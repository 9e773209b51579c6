"""Valid bodies of each wire with every part that a request may have."""

from __future__ import annotations

from typing import Any

WIRES = {"anthropic": "claude-sonnet-5", "openai": "gpt-5", "gemini": "gemini-3.8-flash"}

TOOL = {"name": "f", "description": "d", "input_schema": {"type": "object", "properties": {"a": {"type": "string"}}}}
BASES: dict[str, dict[str, Any]] = {
    "anthropic": {
        "model": "claude-sonnet-5", "max_tokens": 9, "system": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}], "tools": [TOOL], "tool_choice": {"type": "auto"}, "thinking": {"type": "adaptive"}, "metadata": {"user_id": "u"},
        "messages": [{"role": "user", "content": [{"type": "text", "text": "x"}, {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}]}, {"role": "assistant", "content": [{"type": "tool_use", "id": "i", "name": "f", "input": {"a": "b"}}]}, {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "i", "content": "r"}]}],
    },
    "openai": {
        "model": "gpt-5", "max_tokens": 9, "temperature": 0.5, "stop": ["END"], "stream_options": {"include_usage": True}, "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}}, "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
        "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": [{"type": "text", "text": "x"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]}, {"role": "assistant", "content": None, "tool_calls": [{"id": "i", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}, {"role": "tool", "tool_call_id": "i", "content": "r"}],
    },
    "gemini": {
        "systemInstruction": {"parts": [{"text": "s"}]}, "generationConfig": {"maxOutputTokens": 9, "thinkingConfig": {"thinkingBudget": 0}}, "tools": [{"functionDeclarations": [{"name": "f", "parameters": {"type": "OBJECT"}}]}], "toolConfig": {"functionCallingConfig": {"mode": "AUTO"}},
        "contents": [{"role": "user", "parts": [{"text": "x"}, {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}]}, {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {"a": 1}}}]}, {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"result": "r"}}}]}],
    },
}  # fmt: skip
