"""The schema's history. `Store.open` brings a database to the newest; a new step is written by hand in `versions`."""
