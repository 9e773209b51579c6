"""Collectors, the metrics store, alert rules and dashboards."""
