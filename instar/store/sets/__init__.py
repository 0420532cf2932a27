"""What is written down of scale sets: models by generation, statuses, what is still to be handed to workflows."""
