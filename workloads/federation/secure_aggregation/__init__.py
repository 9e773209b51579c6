"""Secure aggregation: the server learns the sum of the updates, and nothing about a single one beyond the sum.

The protocol of Bonawitz and others 2017, "Practical secure aggregation for privacy-preserving machine learning" (CCS), figure 4, with its
consistency round. Neither side opens sockets: messages go in, messages come out.

``session``     what all sides agree on: run, round, clients and their signing keys, threshold, length
``messages``    what is sent
``client``, ``server``  the two state machines
``shamir``, ``masks``, ``keys``   secret sharing, masks, key agreement
``quantisation``   updates as integers of 32 bits
"""
