"""Engines on this machine: real processes, started as the Deployments say, calibrated, predicted and loaded."""
