"""Services that keep data: databases, caches, objects, messages."""
