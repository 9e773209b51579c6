"""Adapters of the ports to what others run, one folder a technology; each needs its own dependency group."""
