"""Where a stack lands: one adapter a file, all behind ``port.Cluster``."""
