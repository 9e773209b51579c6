"""A single entry point to Claude, Gemini, Ollama, llama.cpp and OpenAI-compatible engines: limits, routing, retries, costs, telemetry."""
