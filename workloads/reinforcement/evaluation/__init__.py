"""How good a policy is: exactly by dynamic programming, by playing, over seeds, and from logs of another policy."""
