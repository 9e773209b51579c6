"""Looks for tools on this machine; installs nothing."""
