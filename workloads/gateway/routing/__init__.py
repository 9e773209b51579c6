"""Which route and which target serve a request. No socket and no clock of its own."""
