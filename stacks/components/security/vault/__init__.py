"""The secrets engine: OpenBao or Vault, its setup, its injector, and its access policies."""
