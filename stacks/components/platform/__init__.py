"""Self-service: teams request infrastructure through the Kubernetes API."""
