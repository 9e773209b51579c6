"""Figures of reinforcement learning and compression beside their peers."""
