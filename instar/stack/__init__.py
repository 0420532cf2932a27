"""Instar as a whole on one machine: Temporal, worker and API, until Ctrl-C."""
