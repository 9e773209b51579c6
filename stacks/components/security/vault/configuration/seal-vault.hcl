# Vault has no static seal. Without one its servers are opened by hand (Shamir's shares), after every start; a cloud's key service or
# another Vault's transit engine would stand here:
#   seal "awskms" { kms_key_id = "…" }

# Raft maps its file into memory, where locking pages would lock the whole store.
disable_mlock = true
