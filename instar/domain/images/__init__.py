"""Images and their versions: of the platform, of galleries, in regions."""
