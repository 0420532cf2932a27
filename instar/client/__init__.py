"""What a person's machine does with the API: tokens, calls, images, watching an upgrade."""
