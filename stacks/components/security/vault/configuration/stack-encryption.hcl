# For `secretsprovider: hashivault://sandtable-stack`: Pulumi encrypts and decrypts the stack's secrets with this transit key.
path "transit/encrypt/sandtable-stack" {
  capabilities = ["update"]
}

path "transit/decrypt/sandtable-stack" {
  capabilities = ["update"]
}
