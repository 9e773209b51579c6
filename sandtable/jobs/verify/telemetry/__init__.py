"""Alert rules, dashboards and what Prometheus sees."""
