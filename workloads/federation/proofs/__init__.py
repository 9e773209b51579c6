"""Proofs that a hidden update is within its bounds: Prio3 of draft-irtf-cfrg-vdaf-20, for small models.

A client splits its vector of integers between two or more aggregators, and proves to them that each entry lies between 0 and a bound. No
aggregator learns anything but the sum, as long as one of them is honest; a vector out of bounds is refused, except with a probability that
is negligible, as long as all of them are.

What it proves: each entry is in its range. What it does not: that the vector came from training, from true records, or that its L2 norm
is below a clip norm other than the one that the range implies (the bound times the root of the length). And it says nothing about a masked
update of :mod:`~workloads.federation.secure_aggregation`: the two are different ways to hide one, and no proof here is bound to the masks.

The leader's share has 16 bytes for each bit of each entry, so this is for models of up to about a thousand parameters. For larger ones
there is no proof here, and no claim.

``prio3``     the protocol: shares, verification, sums
``circuits``  what is proved: ranges of a vector, or one bucket of a histogram
``flp``       fully linear proofs, which shares of a vector can be checked with
``field``, ``xof``   the field of 128 bits, and randomness from seeds
``updates``   updates as vectors of small integers
"""
