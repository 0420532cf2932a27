"""The platform's images: published, listed, and who is told of a new version."""
