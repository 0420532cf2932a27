"""Machines on QEMU/KVM by libvirt. All durable state is libvirt's own: volumes, and each domain's metadata."""
