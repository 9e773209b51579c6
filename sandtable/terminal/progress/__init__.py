"""Progress of a command: its steps, and live lines for the long ones."""
