"""Machines of a scale set: what is known of one, where new ones go, who leaves first, which versions are stayed on."""
