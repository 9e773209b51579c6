# OpenBao declares audit devices here (the API to enable them is closed): every request is written before it is answered, and a
# server that cannot write refuses to answer. Vault: `vault audit enable file file_path=/vault/audit/audit.log`.
audit "file" "to-disk" {
  description = "every request and response, secrets as HMAC"
  options {
    file_path = "/vault/audit/audit.log"
  }
}
