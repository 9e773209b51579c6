"""Measures: sends planned requests to an engine or gateway and records what came back."""
