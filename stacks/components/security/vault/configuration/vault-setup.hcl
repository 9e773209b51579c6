# What the Job `vault-setup` does, and an operator with its identity: kubectl -n vault create token vault-setup --audience vault.
# Who may ask Kubernetes for that token may change every policy here: grant `serviceaccounts/token` in the namespace to few.
path "sys/auth" {
  capabilities = ["read"]
}

path "sys/mounts" {
  capabilities = ["read"]
}

path "sys/mounts/+" {
  capabilities = ["create", "read", "update"]
}

path "sys/policies/acl/+" {
  capabilities = ["create", "read", "update"]
}

path "auth/kubernetes/config" {
  capabilities = ["create", "read", "update"]
}

path "auth/kubernetes/role/+" {
  capabilities = ["create", "read", "update", "delete"]
}

# Authorities: made once, read ever after.
path "pki/issuers" {
  capabilities = ["list"]
}

path "pki/root/generate/internal" {
  capabilities = ["create", "update"]
}

path "pki/root/sign-intermediate" {
  capabilities = ["create", "update"]
}

path "pki_int/issuers" {
  capabilities = ["list"]
}

path "pki_int/intermediate/generate/internal" {
  capabilities = ["create", "update"]
}

path "pki_int/intermediate/set-signed" {
  capabilities = ["create", "update"]
}

path "pki_int/roles/+" {
  capabilities = ["create", "read", "update", "delete"]
}

path "transit/keys/+" {
  capabilities = ["create", "read", "update"]
}

path "database/config/+" {
  capabilities = ["create", "read", "update"]
}

path "database/roles/+" {
  capabilities = ["create", "read", "update", "delete"]
}

# Secrets are put there by hand: their values are nobody's to see.
path "secret/data/+/*" {
  capabilities = ["create", "update"]
}
