"""Workload identities and the secrets engine."""
