"""Calls to providers: one HTTP client, the time limits of each phase, and failures in the words of the dialects."""
