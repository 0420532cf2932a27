"""What directs the simulated fleet: faults, scripts, copies of gallery versions."""
