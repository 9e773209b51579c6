"""The commands, one a file. Each module has ``register(app)``; what is heavy is imported when a command runs."""
