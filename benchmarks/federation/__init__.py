"""The federation compared with its peers; see ``__main__.py``."""
