"""The small language model: llama architecture, byte tokenizer, trained here on the project's own documentation."""
