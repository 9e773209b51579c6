"""Predictions: the discrete-event twin built from a graph, its calibration, its costs and its what-if scenarios."""
