"""Deployments of templates: documents that any process goes on with."""
