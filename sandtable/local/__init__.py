"""Workloads as child processes on this machine: what the cluster would run in pods."""
