"""Workloads as child processes on this machine: what a cluster runs in pods."""
