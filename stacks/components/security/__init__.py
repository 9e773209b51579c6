"""Secrets, workload identity and runtime detection."""
