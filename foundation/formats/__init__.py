"""Formats of external documents: YAML and JSON, read the way other tools read them."""
