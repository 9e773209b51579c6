"""RLHF in small: a language with a known gold reward, preferences, a reward model, PPO with a KL penalty, best-of-n."""
