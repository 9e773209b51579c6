"""Crossplane's composition function: what a team's claim becomes, over gRPC with mutual TLS."""
