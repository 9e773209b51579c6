# Vault has no static seal: another Vault opens it. Its token comes from the pod's identity, not from this file.
seal "transit" {
  address    = "https://unseal.vault.svc:8200"
  key_name   = "sandtable-unseal"
  mount_path = "transit/"
}

# Raft maps its file into memory, where locking pages would lock the whole store.
disable_mlock = true
