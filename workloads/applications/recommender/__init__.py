"""A recommender: profiles, a catalogue, feedback, and exploration whose price is stated beforehand."""
