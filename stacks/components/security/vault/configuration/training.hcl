# Training runs: the credentials of the object store with the data sets and checkpoints, which an operator puts there, and a
# database user of their own for an hour.
path "secret/data/training/*" {
  capabilities = ["read"]
}

path "database/creds/training-readonly" {
  capabilities = ["read"]
}
