"""Where what templates link to may come from, as the operator says it."""
