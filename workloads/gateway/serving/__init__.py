"""The way of one request: who asks, what for, through limits, cache and targets, and back."""
