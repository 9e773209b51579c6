"""Finds tools on this machine; installs nothing."""
