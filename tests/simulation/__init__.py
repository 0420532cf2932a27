"""Whole Instar in one thread and in virtual time: all of it as it is, but for Temporal's server, which is played.

What a quarter of a year needs minutes of with a time-skipping server takes seconds here, the same at each run, and a
kill of every worker is one call. `engine` plays the server, `scene` is what a test sets up and does, `court` judges.
"""
