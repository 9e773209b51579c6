"""How the updates of a round become the next model.

``strategy``  the interface, the state that a run keeps, and the one place that knows all strategies
``linear``    FedAvg, FedProx and SCAFFOLD: they need only the weighted mean, so they work with secure aggregation
``adaptive``  FedAdam, likewise
``robust``    trimmed mean and Krum: they compare single updates
"""
