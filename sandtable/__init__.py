"""The command line and the report: composes the floors below and decides nothing itself."""
