"""What a command says while it works: its steps, and moving lines for the long ones."""
