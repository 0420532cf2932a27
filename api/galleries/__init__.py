"""Compute galleries, their images and versions."""
