"""The emulator over HTTP: routes, connections that can be broken on purpose, and the log of attempts."""
