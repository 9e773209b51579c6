"""The workloads of the platform: serving, federated learning, training."""
