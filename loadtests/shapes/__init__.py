"""How many users there are over a Locust run: ``curves`` computes it, ``chosen`` hands it to Locust."""
