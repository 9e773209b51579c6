"""The gateway's telemetry: metrics and spans. They contain no keys, and prompts only if the configuration enables content."""
