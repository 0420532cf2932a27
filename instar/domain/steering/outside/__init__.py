"""What other systems have a say in: hooks, judges, what they answer, and how a policy names them."""
