# The engines read their provider keys and nothing else.
path "secret/data/ai-stack/*" {
  capabilities = ["read"]
}

# Certificates for their own names only: the role bounds what can be asked.
path "pki_int/issue/ai-stack" {
  capabilities = ["update"]
}

path "auth/token/renew-self" {
  capabilities = ["update"]
}
