"""Protocols between the workloads and what they run on, each with a fake that ships: no server, the same contract test."""
