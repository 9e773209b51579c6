"""The gateway and the emulator on this machine: started as the Deployments say, calibrated, loaded, and made to suffer from faults."""
