"""The cluster itself: nodes, namespaces, priorities and what GPU nodes need."""
