"""What is wrong with a link, in a sentence that shows nothing of its query string."""


class LinkError(ValueError):
    """What is linked to was not fetched, or is nothing that can be used."""
