"""What is wrong with a template: told by name, before anything is made."""


class TemplateError(ValueError):
    """A template that cannot be deployed. `code` is ARM's error code."""

    def __init__(self, message: str, code: str = "InvalidTemplate") -> None:
        super().__init__(message)
        self.code = code
