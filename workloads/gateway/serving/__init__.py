"""The path of one request through authentication, limits, cache and targets, and back."""
