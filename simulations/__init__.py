"""Predicts: the discrete-event twin that is built from a graph, its calibration, its costs and its what-ifs."""
