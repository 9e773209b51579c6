# Fetches the pod's identity from the Workload API, writes it for the server and tells the server (SIGHUP) when it was renewed.
agent_address        = "/spiffe-workload-api/spire-agent.sock"
cert_dir             = "/vault/tls"
svid_file_name       = "svid.pem"
svid_key_file_name   = "svid_key.pem"
svid_bundle_file_name = "bundle.pem"
pid_file_name        = "/vault/run/server.pid"
renew_signal         = "SIGHUP"
cert_file_mode       = 0644
key_file_mode        = 0640
daemon_mode          = true
health_checks {
  listener_enabled = true
  bind_port        = 8081
}
