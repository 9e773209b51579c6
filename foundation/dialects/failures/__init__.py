"""What the failures of all dialects have in common: error bodies and retry delays."""
