"""What the platform is for: serving, federated learning, training."""
