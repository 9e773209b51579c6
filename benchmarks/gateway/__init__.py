"""The gateway beside its peer; see ``__main__.py``."""
