"""Rounds of federated training, without any input or output: messages and the time go in, messages come out.

``messages``     what server and clients send each other
"""
