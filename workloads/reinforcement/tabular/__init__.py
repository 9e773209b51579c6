"""Learning in tables: Q-learning."""
