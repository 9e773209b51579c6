"""One door to Claude, Gemini, Ollama, llama.cpp and every OpenAI-compatible engine: limits, routes, retries, costs, telemetry."""
