"""Scale sets: their models, sizes, extensions and images."""
