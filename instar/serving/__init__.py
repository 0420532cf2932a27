"""How our processes listen: who is let in, for how long, how many at once, and whose word counts on where they are."""
