"""What all dialects mean: requests, answers, events, usage and errors. No dialect is known here."""
