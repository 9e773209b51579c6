"""What must add up in every run."""
