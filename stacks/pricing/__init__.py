"""Costs: the price book, and the cost of a graph's nodes."""
