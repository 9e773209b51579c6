"""Limits of tenants and keys: requests, input and output tokens per minute, and spend per day. No socket and no clock."""
