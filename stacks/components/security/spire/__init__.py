"""SPIRE: the server, the agent on every node, and the registration of workloads."""
