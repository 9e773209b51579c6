"""Reinforcement learning: Q-learning, DQN, PPO and RLHF over Gymnasium and over environments whose optimum can be computed."""
