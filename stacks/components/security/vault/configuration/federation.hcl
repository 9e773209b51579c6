# Federation servers and clients: certificates for the secure channel, and the keys that seal model updates at rest.
path "pki_int/issue/federation" {
  capabilities = ["update"]
}

path "transit/encrypt/model-updates" {
  capabilities = ["update"]
}

path "transit/decrypt/model-updates" {
  capabilities = ["update"]
}
