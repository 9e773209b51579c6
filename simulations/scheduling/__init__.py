"""Which pod runs on which node: models of schedulers."""
