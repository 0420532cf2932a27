"""Resources that are kept as documents: what is the same for every kind of them."""
