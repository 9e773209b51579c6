# Fetches the pod's identity once, and with it the authorities that the servers' certificates come from; then ends.
agent_address         = "/spiffe-workload-api/spire-agent.sock"
cert_dir              = "/vault/tls"
svid_file_name        = "svid.pem"
svid_key_file_name    = "svid_key.pem"
svid_bundle_file_name = "bundle.pem"
cert_file_mode        = 0644
key_file_mode         = 0600
daemon_mode           = false
