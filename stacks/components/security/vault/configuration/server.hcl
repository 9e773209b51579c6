# What every server of the cluster shares. Storage (one `retry_join` a replica) and the seal are written beside it by
# stacks/components/security/vault.py, because they depend on the environment.

ui            = false
cluster_name  = "sandtable"
api_addr      = "https://vault-active.vault.svc:8200"
log_format    = "json"
# The level of detail at which tokens and paths stay out of the log.
log_level     = "info"

# Root tokens and leases live as short as operations allow.
default_lease_ttl = "1h"
max_lease_ttl     = "24h"

listener "tcp" {
  address         = "[::]:8200"
  cluster_address = "[::]:8201"
  tls_min_version = "tls13"

  # Written and renewed by the spiffe-helper beside the server, from its X.509 SVID.
  tls_cert_file = "/vault/tls/svid.pem"
  tls_key_file  = "/vault/tls/svid_key.pem"

  # Collectors read metrics without a token; NetworkPolicy lets nobody else in.
  telemetry {
    unauthenticated_metrics_access = true
  }
}

# Labels the pods (openbao-active, openbao-sealed … or vault-active …), so that the Services `vault-active` and `vault-standby` select the
# right ones.
service_registration "kubernetes" {}

telemetry {
  prometheus_retention_time = "10m"
  disable_hostname          = true
}
