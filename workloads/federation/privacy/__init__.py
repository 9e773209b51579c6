"""Differential privacy: what a release costs, what is left of the budget, and the noise.

``statement``   privacy unit, neighbouring relation and sampler: without them an epsilon means nothing
``accounting``  epsilon of a sequence of releases: privacy loss distributions, Rényi divergences, exact where it can be
``ledger``      the budget, charged before a release
``mechanisms``  clipping, exact discrete Gaussian noise, and its share for each client below secure aggregation
"""
