"""The gateway's metrics. Its spans are made with ``foundation.tracing``.

Attributes are those of the GenAI semantic conventions v0.1, and the platform's ``llm.*`` beside them. There are no keys in them, and
prompts only if the configuration enables content.
"""
