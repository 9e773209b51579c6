"""SPIRE: the server, the agent on every node, and who gets which identity."""
