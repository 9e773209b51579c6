"""What the gateway serves: providers, routes, tenants and rules, read from one file and checked before anything is served."""
