"""Learning with networks: DQN and PPO."""
