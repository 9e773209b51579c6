"""Fetches and builds tools into the cache."""
