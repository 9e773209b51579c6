"""The gateway over HTTP: who asks, what for, and the way of one request through limits, cache, targets and back."""
