"""Stateful services: databases, caches, object stores, messaging."""
