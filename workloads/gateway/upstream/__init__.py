"""Calls to providers: one HTTP client, a timeout for each phase, and failures as errors of the dialects."""
