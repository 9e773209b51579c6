"""Locust users: ``chat`` is the user class, ``session`` the state shared within a process, ``exchange`` one request on a socket."""
