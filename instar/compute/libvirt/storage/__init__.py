"""Volumes and what is in them: disks, images, seeds."""
