"""Users of Locust: ``chat`` is the user, ``session`` what all users of a process share, ``exchange`` one request on a socket."""
