"""Noughts and crosses: a policy is trained, judged, and served by a model server that swaps versions under load."""
