"""Behaviour of the emulated providers: latencies, responses, rejections, failures. No socket and no clock."""
