# Training runs: short-lived credentials for the object store with the data sets and checkpoints.
path "secret/data/training/*" {
  capabilities = ["read"]
}

path "database/creds/training-readonly" {
  capabilities = ["read"]
}
