"""Judges: rules over a graph, and the verdict over thresholds, predictions and measurements."""
