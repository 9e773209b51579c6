"""Finds, installs or builds the servers and command-line tools that the rest runs."""
