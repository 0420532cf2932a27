"""The flight recorder: what happened to each machine, and the judge who reads it against the rules."""
