"""The secrets engine: OpenBao or Vault, its set-up, its injector, and who may read what."""
