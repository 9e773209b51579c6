"""The model shared by all dialects: requests, responses, events, usage and errors. It knows no dialect."""
