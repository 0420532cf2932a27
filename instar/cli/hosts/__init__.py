"""What the command line says of the hosts that an installation is on."""
