"""The programs that run on the platform; each is its own small program and imports none of the floors above it."""
