"""What templates link to: fetched from hosts that the operator allows, once a deployment, and kept with it."""
