"""The engine: a real llama.cpp server over a small model that it writes itself."""
