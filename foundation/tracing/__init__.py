"""Spans of OpenTelemetry for the workloads: made and encoded here, sent by each program over its own transport."""
