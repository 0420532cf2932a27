"""Resources of templates that Instar has no use for: kept as documents, listed, shown, deleted, and told of."""
