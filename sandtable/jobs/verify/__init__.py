"""Checks of a deployed stack: what works is shown, not assumed. ``check.py`` has the terms, ``catalogue.py`` the list."""
