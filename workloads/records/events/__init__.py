"""Types of events and their versions."""
