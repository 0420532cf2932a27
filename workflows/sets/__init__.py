"""The workflow of a scale set, one for ever, and its steps."""
