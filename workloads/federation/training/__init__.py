"""Training at one client.

``plain``    stochastic gradient descent, with the corrections of FedProx and SCAFFOLD
``private``  the same with record-level differential privacy (DP-SGD)
"""
