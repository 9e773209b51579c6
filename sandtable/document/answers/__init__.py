"""The documents of the commands other than ``rehearse``, one a command."""
