"""The number of users over a Locust run: ``curves`` computes it, ``chosen`` passes it to Locust."""
