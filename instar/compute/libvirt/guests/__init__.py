"""Guests as libvirt knows them: their definition, metadata, power, addresses and agents."""
