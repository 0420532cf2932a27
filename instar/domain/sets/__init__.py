"""Scale sets: their models and policies, and what a model names outside itself."""
