"""The rules over single Kubernetes objects, as the API server and the policies both read them."""
