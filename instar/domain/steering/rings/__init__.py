"""In which order sets take a version: rings, how far a version has come in them, and who is offered it (W5). Pure."""
