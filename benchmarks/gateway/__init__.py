"""The gateway compared with its peer; see ``__main__.py``."""
