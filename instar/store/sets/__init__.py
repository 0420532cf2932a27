"""What is written down of scale sets: models by generation, statuses, and what is still to be handed over to their workflows."""
