"""Formats of documents that others write: YAML and JSON, read as their writers mean them."""
