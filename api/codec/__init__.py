"""What lets Temporal's page and command line show what is sealed, to who may read everything."""
