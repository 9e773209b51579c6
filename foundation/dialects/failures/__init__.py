"""What the failures of all dialects have in common: their bodies, and how long they ask to be left alone."""
